"""What a build would do, told from headers: sizes, what fits where, the disk that it takes, what is done already."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.disk import check_disk
from mlxkit.core.errors import DoesNotFitError, MlxkitError
from mlxkit.core.located import Locate
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.recipes import Fit, Room, Variant, device_of
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.core.sizes import size_text
from mlxkit.engines import machine, store
from mlxkit.usecases.build.book import Book
from mlxkit.usecases.build.dressing import is_completed
from mlxkit.usecases.build.foreseeing import foresee
from mlxkit.usecases.build.gating import is_fitted
from mlxkit.usecases.build.making import key_of, missing
from mlxkit.usecases.build.measuring import is_judged, is_timed
from mlxkit.usecases.build.opening import TRUE, Surroundings, seen
from mlxkit.usecases.build.plan import BuildPlan
from mlxkit.usecases.build.work import Work


@dataclass(frozen=True)
class Foreseen:
    """What one variant would be.

    Attributes:
        variant: the recipe's.
        size_bytes: of all tensors together: predicted, a budget, or what is there.
        bits_per_weight: the same for each parameter.
        rooms: what it takes on devices that it must fit, and what there is.
        done: steps that a build would not do again: all that they depend on is as it was.
        is_there: its folder is, and is what would be made.
    """

    variant: Variant
    size_bytes: int
    bits_per_weight: float
    rooms: Mapping[Fit, Room]
    done: tuple[str, ...]
    is_there: bool

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Whether it fits each device."""
        return tuple(
            f"{one}: {'fits' if room.total_bytes <= room.limit_bytes else 'does not fit'}, "
            f"{size_text(room.total_bytes)} of {size_text(room.limit_bytes)}"
            for one, room in self.rooms.items()
        )

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            **self.variant.data(),
            "predicted_bytes": self.size_bytes,
            "bits_per_weight": self.bits_per_weight,
            "must_fit": [
                {"fit": str(one), "total_bytes": room.total_bytes, "limit_bytes": room.limit_bytes}
                for one, room in self.rooms.items()
            ],
            "done": list(self.done),
            "is_there": self.is_there,
        }


@dataclass(frozen=True)
class ForecastResult:
    """What a build would do.

    Attributes:
        plan: what was asked.
        source: the source, with its commit if it has one.
        foreseen: each variant that was asked for, in the recipe's order.
        to_write_bytes: of variants that are not there.
        free_bytes: of the disk; None when that is not known.
        shortage: why they have no room there; None when they have.
        notes: what the user should know.
    """

    command: ClassVar[str] = "build"
    plan: BuildPlan
    source: str
    foreseen: tuple[Foreseen, ...]
    to_write_bytes: int
    free_bytes: int | None
    shortage: DoesNotFitError | None
    notes: tuple[str, ...] = ()

    @property
    def failure(self) -> MlxkitError | None:
        """The disk, when it is too small."""
        return self.shortage

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "is_plan": True,
            "source": self.source,
            "variants": [one.data() for one in self.foreseen],
            "to_write_bytes": self.to_write_bytes,
            "free_bytes": self.free_bytes,
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (
            Fact("Source", self.source),
            Fact("To be written", self.to_write_bytes, "bytes"),
            Fact("Free disk", self.free_bytes, "bytes"),
        )
        columns = (
            Column("Variant"),
            Column("Goal"),
            Column("Size", "bytes"),
            Column("Bits per weight", "bits"),
            Column("Must fit"),
            Column("Done"),
        )
        rows = tuple(
            (
                one.variant.name,
                one.variant.goal,
                one.size_bytes,
                one.bits_per_weight,
                "; ".join(one.verdicts) or "nothing",
                ", ".join(one.done) or "nothing",
            )
            for one in self.foreseen
        )
        notes = (*self.notes, "Sizes of budgets are what the result stays below. Nothing was made.")
        return Report("What would be built", facts, (Table("Variants", columns, rows),), tuple(map(Note, notes)))


def forecast(
    plan: BuildPlan,
    *,
    locate: Locate = store.local,
    progress: Progress | None = None,
    around: Surroundings = TRUE,
    free_bytes: Callable[[Path], int | None] = machine.free_bytes,
) -> ForecastResult:
    """Tell what a build would do; nothing is written.

    Args:
        plan: what to build.
        locate: leads from the source's name to what can be looked at; its weights may be holes.
        progress: told the bytes read.
        around: this machine, and devices.
        free_bytes: tells what a folder's disk has left; None when that is not known.

    Raises:
        GateError: the source has another license than the recipe expects.
        MlxkitError: the recipe is not understood, or its source cannot be had.
    """
    recipe = store.read_recipe(plan.path)
    book = Book(plan.home(recipe), recipe.name, is_kept=False)
    work, checkpoint = seen(plan, look=locate, book=book, progress=progress or Silent(), around=around)
    foreseen = tuple(_foreseen(work, checkpoint))
    to_write = sum(one.size_bytes for one in foreseen if not one.is_there)
    free = free_bytes(book.home)
    try:
        check_disk(to_write, free, str(book.home), "free some space, or name fewer variants with --variant")
        shortage = None
    except DoesNotFitError as error:
        shortage = error
    source = recipe.source.repo + (f" at {work.located.commit}" if work.located.commit else "")
    return ForecastResult(plan, source, foreseen, to_write, free, shortage, checkpoint.warnings)


def _foreseen(work: Work, checkpoint: Checkpoint) -> Iterator[Foreseen]:
    devices, variants = work.devices, work.plan.chosen(work.recipe)
    places = missing(work, variants)
    done = _done(work, variants, places)
    outlook = foresee(checkpoint, variants, devices)
    for variant in variants:
        is_there = places[variant.name] is not None
        steps = work.book.entry(variant.name).steps
        size = steps["made"].found["size_bytes"] if is_there else outlook.sizes[variant.name]
        rooms = {}
        for fit in variant.gates.must_fit:
            limit = device_of(fit.device, devices).limit_bytes
            rooms[fit] = Room(size + limit - outlook.left.get(fit, 0), limit)
        bits = 8 * size / max(1, outlook.parameters)
        yield Foreseen(variant, size, bits, rooms, done[variant.name], is_there)


def _done(work: Work, variants: Sequence[Variant], places: Mapping[str, Path | None]) -> dict[str, tuple[str, ...]]:
    """Return what would not be done again, of each variant."""
    same = {one.name for one in variants if work.book.entry(one.name).known("made", key_of(work, one)) is not None}
    # A card tells of the variants beside it, too: one that is measured again has all cards written again.
    is_steady = all(one.name in same and is_judged(work, one.name) and is_timed(work, one.name) for one in variants)

    def steps(one: Variant) -> Iterator[str]:
        place, judging = places[one.name], work.recipe.evaluation
        if place is not None:
            yield "made"
        if (judging.texts or judging.tasks) and is_judged(work, one.name):
            yield "evaluated"
        if work.recipe.bench is not None and is_timed(work, one.name):
            yield "timed"
        if one.gates.must_fit and is_fitted(work, one):
            yield "fitted"
        if is_steady and place is not None and is_completed(work, one.name, place):
            yield "checked"

    return {one.name: tuple(steps(one)) if one.name in same else () for one in variants}
