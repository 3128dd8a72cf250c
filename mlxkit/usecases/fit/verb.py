"""From a model's headers to whether it fits: mlx-lm's own class is traced, and no weight is read."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from mlxkit.core.anatomy import bytes_per_step, parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.fitting import Need, Record, longest
from mlxkit.core.located import Locate
from mlxkit.core.quantization import describe
from mlxkit.core.schemes import Scheme, parse
from mlxkit.engines import models, store
from mlxkit.usecases.fit.places import TRUE, Place, Surroundings, places, workspace
from mlxkit.usecases.fit.plan import FitPlan
from mlxkit.usecases.fit.result import FitResult, Row
from mlxkit.usecases.fit.sizing import AS_STORED, Sized, sized

USUAL = ("8bit", "6bit", "4bit")
"""Schemes that are shown of an unquantized model when none is named."""


def fit(plan: FitPlan, *, locate: Locate = store.local, around: Surroundings = TRUE) -> FitResult:
    """Tell what a model takes and whether that fits.

    Args:
        plan: what to ask.
        locate: leads from the model's name to what can be looked at; its weights may be holes.
        around: devices, this machine and its past.

    Raises:
        NotFoundError: there is no such device.
        CheckpointError: mlx-lm has no such architecture, or its class cannot use this config.
    """
    chosen, past = places(plan, around)
    model = sized(plan, locate)
    checkpoint = model.checkpoint
    step = bytes_per_step(checkpoint.config, list(parts(checkpoint)), plan.batch) / max(1, model.weight_bytes)
    rows = []
    for scheme, weight_bytes in dict(_sizes(plan, model)).items():
        traced = model.as_in(scheme)
        cached = _cached(traced, plan.batch)
        for place in chosen:
            need = _need(plan, model, place, traced, cached, weight_bytes, is_quantized=scheme != AS_STORED)
            longest_context = _longest(checkpoint, place, need) if traced else None
            for context in plan.contexts_of(checkpoint):
                taken = need(context)
                speed = _speed(place, model, step * weight_bytes, taken.cache_bytes, plan.batch)
                rows.append(Row(scheme, place.name, place.limit_bytes, context, taken, longest_context, *speed))
    notes = (*model.notes, *_remarks(plan, model, chosen, past))
    return FitResult(plan, tuple(rows), model.parameters, checkpoint.context, notes)


def _cached(traced: models.Traced | None, batch: int) -> Callable[[int], int | None]:
    """Return what gives the bytes of a context's cache, which are the same on all devices."""

    @cache
    def cached(context: int) -> int | None:
        return traced.cache_bytes(context, batch).allocated if traced else None

    return cached


def _need(
    plan: FitPlan,
    model: Sized,
    place: Place,
    traced: models.Traced | None,
    cached: Callable[[int], int | None],
    weight_bytes: int,
    *,
    is_quantized: bool,
) -> Callable[[int], Need]:
    """Return what gives what a context takes there."""
    works = workspace(model.checkpoint, place, plan.batch, is_quantized=is_quantized, traced=traced)

    @cache
    def need(context: int) -> Need:
        return Need(weight_bytes, cached(context), works(context))

    return need


def _sizes(plan: FitPlan, model: Sized) -> Iterator[tuple[str, int]]:
    """Yield each scheme's name and its bytes of weights."""
    described = describe(model.checkpoint.config)
    if not plan.schemes:
        yield described or AS_STORED, model.weight_bytes
    schemes: tuple[Scheme, ...] = plan.schemes
    if not schemes and described is None:
        schemes = tuple(parse(name) for name in USUAL)
    yield from ((scheme.name, size) for scheme, size in zip(schemes, model.in_schemes(schemes), strict=True))


def _longest(checkpoint: Checkpoint, place: Place, need: Callable[[int], Need]) -> int | None:
    limit = place.limit_bytes
    if limit is None or checkpoint.context is None:
        return None
    if need(1).weight_bytes > limit:
        return 0
    return longest(checkpoint.context, lambda context: need(context).total_bytes <= limit)


def _speed(
    place: Place, model: Sized, weight_bytes: float, cache_bytes: int | None, batch: int
) -> tuple[float | None, float | None]:
    """Return about how many tokens a second all rows get together, and how far that may be off."""
    pace = place.mixture if model.is_mixture else place.dense
    if pace is None or cache_bytes is None:
        return None, None
    return batch / pace.seconds(weight_bytes + cache_bytes, model.layers), pace.band


def _remarks(plan: FitPlan, model: Sized, chosen: Sequence[Place], past: Record) -> Iterator[str]:
    checkpoint = model.checkpoint
    for place in chosen:
        pace = place.mixture if model.is_mixture else place.dense
        if pace is not None and pace.runs:
            yield f"Decode is fitted to {pace.runs} measurement{'s'[: pace.runs != 1]} of this machine."
    if past.worst is not None:
        runs = len(past.measured)
        yield f"Predictions of memory were within {past.worst:.1%} over {runs} run{'s'[: runs != 1]} on this machine."
    beyond = [context for context in plan.contexts if checkpoint.context is not None and context > checkpoint.context]
    if beyond:
        yield f"The model's own context is {checkpoint.context:,} tokens: {max(beyond):,} is beyond it."
