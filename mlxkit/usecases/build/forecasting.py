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
from mlxkit.core.releases import Effort, batches, expected
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.core.sizes import size_text
from mlxkit.core.wording import duration_text
from mlxkit.engines import machine, store
from mlxkit.usecases.build import pacing
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
        parameters: of the source.
        rooms: what it takes on devices that it must fit, and what there is.
        done: steps that a build would not do again: all that they depend on is as it was.
        is_there: its folder is, and is what would be made.
    """

    variant: Variant
    size_bytes: int
    parameters: int
    rooms: Mapping[Fit, Room]
    done: tuple[str, ...]
    is_there: bool

    @property
    def bits_per_weight(self) -> float:
        """Bits of all tensors together for each parameter."""
        return 8 * self.size_bytes / max(1, self.parameters)

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
        seconds: about what it will take, by what alike work took on this machine; None when nothing is known of it.
        unpaced: kinds of work that it has and that no build has done here, which `seconds` leaves out.
        free_bytes: of the disk; None when that is not known.
        shortage: why they have no room there; None when they have.
        notes: what the user should know.
    """

    command: ClassVar[str] = "build"
    plan: BuildPlan
    source: str
    foreseen: tuple[Foreseen, ...]
    to_write_bytes: int
    seconds: float | None
    unpaced: tuple[str, ...]
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
            "seconds": self.seconds,
            "unpaced": list(self.unpaced),
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (
            Fact("Source", self.source),
            Fact("To be written", self.to_write_bytes, "bytes"),
            Fact("Free disk", self.free_bytes, "bytes"),
            Fact("Time", self._time),
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

    @property
    def _time(self) -> str:
        if self.seconds == 0:
            return "none: nothing is left to do"
        if self.seconds is None:
            return "not known: nothing of it was ever done here"
        said = f"about {duration_text(self.seconds)}, by what such work took here"
        return f"{said}, without what was never done here: {', '.join(self.unpaced)}" if self.unpaced else said


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
    wanted = _wanted(work, foreseen)
    seconds, unpaced = expected(wanted, pacing.taken(work))
    known = seconds if seconds or not wanted else None
    return ForecastResult(plan, source, foreseen, to_write, known, unpaced, free, shortage, checkpoint.warnings)


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
        yield Foreseen(variant, size, outlook.parameters, rooms, done[variant.name], is_there)


def _wanted(work: Work, foreseen: Sequence[Foreseen]) -> list[Effort]:
    """Return what a build would have to do."""
    asked, parameters = work.recipe.evaluation, max((one.parameters for one in foreseen), default=0)
    absent = [one.variant for one in foreseen if "made" not in one.done]
    keys = {one.name: key_of(work, one) for one in absent}
    found = [pacing.making(work, batch.variants, parameters) for batch in batches(absent, keys)]
    if asked.texts or asked.tasks:
        unjudged = [one for one in foreseen if "evaluated" not in one.done]
        found += [pacing.judging(work, parameters, asked.texts, asked.tasks) for _ in unjudged]
    untimed = [one for one in foreseen if "timed" not in one.done]
    if work.recipe.bench is not None and untimed:
        found.append(pacing.timing(work, parameters, len(untimed), work.recipe.bench.workloads))
    unchecked = [one for one in foreseen if one.variant.gates.no_check_errors and "checked" not in one.done]
    return [*found, *(pacing.checking(parameters) for _ in unchecked)]


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
