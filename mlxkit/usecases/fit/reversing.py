"""The other way round: which weights fit a device at a context."""

from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import CheckpointError, DoesNotFitError, MlxkitError
from mlxkit.core.fitting import room_for_weights
from mlxkit.core.located import Locate
from mlxkit.core.quantization import describe
from mlxkit.core.report import Column, Note, Report, Table
from mlxkit.core.schemes import parse
from mlxkit.core.sizes import size_text
from mlxkit.engines import store
from mlxkit.usecases.fit.places import TRUE, Surroundings, places, workspace
from mlxkit.usecases.fit.plan import FitPlan
from mlxkit.usecases.fit.sizing import sized

TRIED = ("8bit", "6bit", "5bit", "4bit", "3bit", "2bit")
"""Schemes that are tried, the best first."""


@dataclass(frozen=True)
class Room:
    """What one device leaves for weights at one context.

    Attributes:
        device: its name, or "this machine".
        context: tokens of each row.
        budget_bytes: for weights; None when the device's limit is not known, and less than nothing when cache and
            workspace alone are too much.
        bits_per_weight: the same as bits for each parameter.
        scheme: the best that fits: "as stored", a scheme's short name, or None when none does.
    """

    device: str
    context: int
    budget_bytes: int | None
    bits_per_weight: float | None
    scheme: str | None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "device": self.device,
            "context": self.context,
            "budget_bytes": self.budget_bytes,
            "bits_per_weight": self.bits_per_weight,
            "scheme": self.scheme,
        }


@dataclass(frozen=True)
class ReverseResult:
    """The answer, a row for each device and context."""

    command: ClassVar[str] = "fit"
    plan: FitPlan
    rooms: tuple[Room, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """That nothing fits anywhere."""
        if any(room.scheme is not None or room.budget_bytes is None for room in self.rooms):
            return None
        return DoesNotFitError(
            f"No scheme of {self.plan.model!r} fits.",
            hint="a shorter context or a smaller batch leaves more for weights",
        )

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {"model": self.plan.model, "batch": self.plan.batch, "rows": [room.data() for room in self.rooms]}

    def report(self) -> Report:
        """Return what a reader sees."""
        columns = (
            Column("Device"),
            Column("Context", "count"),
            Column("For weights", "bytes"),
            Column("Bits per weight", "bits"),
            Column("Best scheme"),
        )
        rows = tuple(
            (room.device, room.context, room.budget_bytes, room.bits_per_weight, room.scheme or "none fits")
            for room in self.rooms
        )
        sized = next((room for room in self.rooms if room.scheme not in (None, "as stored")), None)
        notes: tuple[str, ...] = ("What a device leaves is told less cache (exact) and workspace (an estimate).",)
        if sized is not None and sized.budget_bytes is not None:
            size = size_text(sized.budget_bytes)
            notes = (
                *notes,
                f"The best weights of that size: mlxkit quantize {self.plan.model} DEST --max-size '{size}'",
            )
        table = Table("What is left for weights", columns, rows)
        return Report(f"{self.plan.model}: what will fit?", (), (table,), tuple(Note(text) for text in notes))


def reverse(plan: FitPlan, *, locate: Locate = store.local, around: Surroundings = TRUE) -> ReverseResult:
    """Tell which weights fit.

    Args:
        plan: for which devices and contexts; its schemes, if it names any, are those that are tried.
        locate: leads from the model's name to what can be looked at; its weights may be holes.
        around: devices, this machine and its past.

    Raises:
        NotFoundError: there is no such device.
        CheckpointError: mlx-lm has no such architecture, or its class cannot use this config.
    """
    chosen, _ = places(plan, around)
    model = sized(plan, locate)
    checkpoint, traced = model.checkpoint, model.quantized
    if traced is None:
        raise CheckpointError(f"{model.notes[-1]}", hint="`mlxkit fit` without --reverse shows what is known")
    tried = plan.schemes or tuple(map(parse, () if describe(checkpoint.config) else TRIED))
    sizes = model.in_schemes(tried)
    offered: list[tuple[str, int]] = [] if plan.schemes else [("as stored", model.weight_bytes)]
    offered += [(scheme.name, size) for scheme, size in zip(tried, sizes, strict=True)]
    rooms = []
    for place in chosen:
        works = workspace(checkpoint, place, plan.batch, is_quantized=True, traced=traced)
        for context in plan.contexts_of(checkpoint):
            budget = None
            if place.limit_bytes is not None:
                budget = room_for_weights(
                    place.limit_bytes, traced.cache_bytes(context, plan.batch).allocated, works(context)
                )
            bits = None if budget is None else max(0.0, 8 * budget / model.parameters)
            best = None if budget is None else next((name for name, size in offered if size <= budget), None)
            rooms.append(Room(place.name, context, budget, bits, best))
    return ReverseResult(plan, tuple(rooms))
