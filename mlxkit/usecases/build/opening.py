"""From a plan to work: the recipe is read, its source found, pinned, and refused where its license is another one."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device
from mlxkit.core.errors import GateError
from mlxkit.core.located import Locate, Located
from mlxkit.core.names import TINY
from mlxkit.core.output import source_license
from mlxkit.core.progress import Progress
from mlxkit.core.recipes import Recipe
from mlxkit.core.releases import Pinned, key
from mlxkit.core.software import versions
from mlxkit.engines import machine, store
from mlxkit.engines.machine import Machine
from mlxkit.usecases.build.book import Book
from mlxkit.usecases.build.plan import BuildPlan
from mlxkit.usecases.build.work import Dress, Engage, Work, digest_of

_CARD = "README.md"


@dataclass(frozen=True)
class Surroundings:
    """What the engines tell of this machine and of devices.

    Attributes:
        read_machine: describes this machine.
        known_devices: gives the devices that names mean.
    """

    read_machine: Callable[[], Machine] = machine.read
    known_devices: Callable[[], tuple[Device, ...]] = store.known_devices


TRUE = Surroundings()
"""What there really is."""


def opened(
    plan: BuildPlan,
    *,
    locate: Locate,
    dress: Dress,
    engage: Engage,
    progress: Progress,
    around: Surroundings = TRUE,
    book: Book | None = None,
) -> Work:
    """Return the work that a plan asks for.

    Args:
        plan: what to build.
        locate: leads from the source's name to its folder.
        dress: writes the card and what belongs to it.
        engage: gives the hands.
        progress: told the bytes read.
        around: this machine, and devices.
        book: what is written down; None for what stands in the recipe's own folder.

    Raises:
        NotFoundError: there is no such recipe or variant.
        PlanError: the recipe is not understood, or asks for what build cannot do.
        GateError: the source has another license than the recipe expects.
        MlxkitError: the source cannot be had.
    """
    path = plan.path
    recipe, folder = store.read_recipe(path), path.absolute().parent
    plan.chosen(recipe)
    book = book or Book(plan.root.absolute() / recipe.name, recipe.name)
    located = locate(name_of(recipe, folder, book.lock.source))
    checkpoint = store.read(recipe.source.repo, located.folder).sound()
    license_ = demand_license(recipe, checkpoint)
    here = around.read_machine()
    return Work(
        plan=plan,
        recipe=recipe,
        folder=folder,
        book=book,
        located=located,
        pinned=_pinned(recipe, located, checkpoint, license_, book.lock.source, progress),
        versions=versions(),
        platform=platform_of(here),
        machine=here.facts(),
        devices=around.known_devices(),
        progress=progress,
        dress=dress,
        engage=engage,
    )


def platform_of(here: Machine) -> dict[str, str]:
    """Return what decides about bytes, besides versions, as the build record has it."""
    return {"system": platform.system(), "machine": platform.machine(), "device": here.device or "unknown"}


def name_of(recipe: Recipe, folder: Path, source: Pinned | None) -> str:
    """Return what the source is found by: at its commit where that is known, a folder from the recipe's own.

    Args:
        recipe: which names it.
        folder: of the recipe's file.
        source: what was pinned before.
    """
    repo = recipe.source.repo
    if recipe.source.is_remote:
        held = source.commit if source is not None and source.name == repo else None
        commit = recipe.source.revision or held
        return f"{repo}@{commit}" if commit else repo
    return repo if repo == TINY else str(folder / Path(repo).expanduser())


def demand_license(recipe: Recipe, checkpoint: Checkpoint) -> str | None:
    """Return the license of a source.

    Raises:
        GateError: it is another one than the recipe expects.
    """
    wanted, found = recipe.source.license, source_license(checkpoint)
    if wanted is not None and (found or "").casefold() != wanted.casefold():
        raise GateError(
            f"The license of {recipe.source.repo!r} is {found or 'not told'}, and the recipe expects {wanted}.",
            hint="read it, then change source.license in the recipe; nothing was made",
        )
    return found


def _pinned(
    recipe: Recipe,
    located: Located,
    checkpoint: Checkpoint,
    license_: str | None,
    known: Pinned | None,
    progress: Progress,
) -> Pinned:
    """Return what the source is; its weights are read only if its files have changed since it was pinned."""
    fingerprint = store.fingerprint(checkpoint)
    is_known = known is not None and known.fingerprint == fingerprint
    digest = known.digest if known is not None and is_known else store.weights_digest(checkpoint, progress)
    # The card is no part of what is made; its license is asked for apart.
    beside = [file for file in checkpoint.files if "/" not in file and file not in (*checkpoint.shards, _CARD)]
    return Pinned(
        name=recipe.source.repo,
        commit=located.commit,
        license=license_,
        digest=digest,
        beside=key(files=digest_of(located.folder, [file for file in beside if not file.startswith(".")])),
        fingerprint=fingerprint,
    )
