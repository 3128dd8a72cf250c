"""What all steps of a build share: the recipe, its source, what is written down, and the hands that do long work."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlxkit.core.devices import Device
from mlxkit.core.errors import MlxkitError, NotFoundError, StoppedError
from mlxkit.core.located import Located
from mlxkit.core.measurement import Measurement
from mlxkit.core.names import TINY, is_remote
from mlxkit.core.progress import Progress
from mlxkit.core.recipes import SELF, Recipe, Room
from mlxkit.core.releases import Batch, Pinned
from mlxkit.core.trials import Workload
from mlxkit.engines import store
from mlxkit.usecases.build.book import Book
from mlxkit.usecases.build.plan import BuildPlan

Dress = Callable[[Path, str], Mapping[str, bytes]]
"""Writes what goes beside the weights of a folder into a repo of that name: the card, its picture, its results."""


@dataclass(frozen=True)
class Told:
    """What a step came to.

    Attributes:
        measurements: as the ledger keeps them.
        notes: what the user should know.
    """

    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hands:
    """What does the long work. Each raises a MlxkitError where it cannot be done.

    Attributes:
        make: writes the checkpoints of a batch into a new folder, which appears whole.
        judge: measures a folder on texts and tasks, by the source; both are as the recipe names them.
        time: times folders in turn on workloads.
        look: returns what keeps a folder from being published under a name, a phrase each.
        room: tells what a folder takes on a device with so many tokens.
    """

    make: Callable[[Batch, Path], Told]
    judge: Callable[[Path, tuple[str, ...], tuple[str, ...]], Told]
    time: Callable[[tuple[Path, ...], tuple[Workload, ...]], Told]
    look: Callable[[Path, str], tuple[str, ...]]
    room: Callable[[Path, Device, int], Room]


@dataclass(frozen=True)
class Work:
    """A build that is under way.

    Attributes:
        plan: what was asked for.
        recipe: what the file says.
        folder: of the recipe's file, which its texts and tasks are relative to.
        book: where all is written down.
        located: where the source is.
        pinned: what it is.
        versions: of mlxkit, mlx and mlx-lm.
        platform: operating system, machine and MLX device.
        machine: facts of this machine, as a measurement has them.
        devices: that names mean.
        progress: told how far it is.
        dress: writes the card and what belongs to it.
        engage: gives the hands; nothing that costs seconds is imported before.
        failed: variants that could not be built, and why.
        did: what was done to each variant in this run.
        notes: what the user should know.
    """

    plan: BuildPlan
    recipe: Recipe
    folder: Path
    book: Book
    located: Located
    pinned: Pinned
    versions: Mapping[str, str]
    platform: Mapping[str, str]
    machine: Mapping[str, Any]
    devices: tuple[Device, ...]
    progress: Progress
    dress: Dress
    engage: "Engage"
    failed: dict[str, MlxkitError] = field(default_factory=dict)
    did: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def hands(self) -> Hands:
        """What does the long work."""
        return self.engage(self)

    @property
    def home(self) -> Path:
        """The recipe's own folder below the root."""
        return self.book.home

    def place(self, name: str) -> str:
        """Return a text or a task as others are to be told it: a file is relative to the recipe's folder."""
        path = self.folder / Path(name).expanduser()
        return str(path) if name != SELF and (path.is_file() or Path(name).suffix) else name

    @property
    def place_of_source(self) -> str:
        """What the source is called: a folder is relative to the recipe's, too."""
        return name_of(self.recipe.source.repo, self.folder)

    def content(self, name: str) -> str | None:
        """Return the sha256, in hex, of the file that a text or a task is; None where it is none.

        Raises:
            NotFoundError: it cannot be read.
        """
        place = self.place(name)
        if place == name:
            return None
        try:
            return hashlib.sha256(Path(place).read_bytes()).hexdigest()
        except OSError as error:
            raise NotFoundError(
                f"{name!r}, which the recipe {self.plan.recipe!r} names, cannot be read: {error.strerror}.",
                hint=f"put it into {str(self.folder)!r}",
            ) from error

    def say(self, told: Told) -> tuple[Measurement, ...]:
        """Keep what a step has to say, each once; return what it measured."""
        self.notes.extend(note for note in told.notes if note not in self.notes)
        return told.measurements

    def done(self, variant: str, what: str) -> None:
        """Keep that something was done to a variant in this run."""
        self.did.setdefault(variant, []).append(what)

    @contextmanager
    def trying(self, *variants: str) -> Iterator[None]:
        """Let variants fail, if the plan keeps going; else their error ends the build.

        Raises:
            StoppedError: the user stopped it.
            MlxkitError: of the block, if the plan does not keep going.
        """
        try:
            yield
        except StoppedError:
            raise
        except MlxkitError as error:
            if not self.plan.keep_going:
                raise
            self.failed.update(dict.fromkeys(variants, error))

    def left(self, variants: Sequence[str]) -> tuple[str, ...]:
        """Return those that have not failed."""
        return tuple(name for name in variants if name not in self.failed)


Engage = Callable[[Work], Hands]
"""Gives the hands of a build."""


def name_of(named: str, folder: Path, commit: str | None = None) -> str:
    """Return what a model that a recipe names is found by: a repo at a commit, a folder from the recipe's own.

    Args:
        named: ``owner/name``, a folder or ``tiny``.
        folder: of the recipe's file.
        commit: of a repo; None for the newest.
    """
    if is_remote(named):
        return f"{named}@{commit}" if commit else named
    return named if named == TINY else str(folder / Path(named).expanduser())


def digest_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return file name to the sha256 of its content, in hex; without those that cannot be read."""
    contents = {name: store.content(folder, name) for name in sorted(names)}
    return {name: hashlib.sha256(found).hexdigest() for name, found in contents.items() if found is not None}
