"""From a plan to quantized checkpoints: with schemes that are given, or with those that a search finds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial as bound
from pathlib import Path
from typing import Any

from mlxkit.core.budget import Target
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError
from mlxkit.core.located import Locate
from mlxkit.core.mixes import mixed
from mlxkit.core.output import floating_dtype
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.quantization import Layout, describe, uniform
from mlxkit.core.rules import ruled
from mlxkit.engines import machine, models, store
from mlxkit.usecases.quantize.making import Making
from mlxkit.usecases.quantize.plan import QuantizePlan
from mlxkit.usecases.quantize.result import Point, Quality, QuantizeResult
from mlxkit.usecases.quantize.search import Found, Search
from mlxkit.usecases.quantize.text import identity, texts

MEMORY_SHARE = 0.6
"""Share of the memory that the original may take while sensitivities are measured: activations need the rest."""


def quantize(plan: QuantizePlan, *, progress: Progress | None = None, locate: Locate = store.local) -> QuantizeResult:
    """Write quantized checkpoints that stock mlx-lm loads.

    Raises:
        CheckpointError: the source is quantized already (without `requantize`).
        DoesNotFitError: a budget is smaller than the smallest there is.
        MlxkitError: nothing was written, and why.
    """
    progress = progress or Silent()
    store.refuse_existing(plan.destination, force=plan.force)
    located = locate(plan.source)
    with store.replacing(plan.destination, source=located.folder, force=plan.force) as partial:
        source = store.read(plan.source, located.folder).sound()
        _refuse(source, plan)
        making, notes = _prepared(plan, source, located)
        if plan.needs_text:
            return _searched(making, notes, partial, progress)
        making, apply = _with_method(making, progress) if plan.method else (making, bound(_apply_given, making))
        with models.small_cache():
            point = making.write(partial, plan.destination, apply, None, progress)
    return _result(making, notes, (point,))


def _prepared(plan: QuantizePlan, source: Checkpoint, located: Any) -> tuple[Making, tuple[str, ...]]:
    dtype = plan.dtype or _dtype(source)
    making = Making(plan, source, located, dtype, (), 0, 0, (*_requantized(source), *source.config_changes), {})
    opened = making.opened()
    units = models.units(opened.model)
    making = replace(
        making,
        units=units,
        parameters=models.parameters(opened.model),
        fixed_bytes=models.size_bytes(opened.model) - sum(making.unit_bytes(unit) for unit in units),
    )
    return making, (*_requantized(source), *source.warnings, *source.config_notes, *opened.notes)


def _apply_given(making: Making, model: Any) -> Layout:
    """Quantize a model by the schemes that the plan gives."""
    layout, encoder = _layout(making, model), making.plan.chosen_encoder
    models.apply(model, layout, lambda _path, weight, scheme: models.encode(weight, scheme, encoder))
    return layout


def _with_method(making: Making, progress: Progress) -> tuple[Making, Callable[[Any], Layout]]:
    """Return what mlx-lm's own function is to do, with its text."""
    plan, source = making.plan, making.source
    if plan.method is not None and plan.scheme is not None:
        reason = models.refusal(plan.method, source, plan.scheme)
        if reason is not None:
            raise CheckpointError(reason, hint="leave --method out")
    bench = models.Workbench(source, making.dtype, is_reduced=False, trust_remote_code=plan.trust_remote_code)
    calibration, _ = texts(plan, source, bench, identity(source, making.dtype, is_reduced=False), progress)
    making = replace(making, options={"calibration": calibration.data(), "seed": plan.seed})
    return making, bound(_by_method, making, calibration.rows, progress)


def _by_method(making: Making, rows: tuple[tuple[int, ...], ...], progress: Progress, model: Any) -> Layout:
    method, scheme = making.plan.method, making.plan.scheme
    if method is None or scheme is None:
        raise AssertionError("the plan has both or it has no method")
    return models.by_method(method, model, models.array(rows), scheme, making.source, progress)


def _layout(making: Making, model: Any) -> Layout:
    """Return the layout of a scheme or a mix, with the rules over it."""
    plan = making.plan
    if plan.mix is not None:
        layout = mixed(making.units, plan.mix, len(model.layers))
    elif plan.scheme is not None:
        layout = uniform(making.units, plan.scheme)
    else:
        raise AssertionError("a budget has no layout before its search")
    layout = ruled(layout, making.units, plan.rules)
    if not layout.schemes:
        raise CheckpointError(f"Nothing in {plan.source!r} can be quantized to {plan.goal}.")
    return layout


def _searched(making: Making, notes: tuple[str, ...], partial: Path, progress: Progress) -> QuantizeResult:
    plan = making.plan
    is_reduced = _is_too_large(making)
    search = Search(plan, making.source, making.units, making.dtype, is_reduced=is_reduced, progress=progress)
    calibration, held_out = search.calibration.data(), search.held_out.data()
    facts = {"calibration": calibration, "held_out": held_out, "seed": plan.seed, "reduced": is_reduced}
    making = replace(making, options=facts)
    points = tuple(_points(making, search, partial, progress))
    sensitive = search.most_sensitive(search.options()) if plan.explain and plan.is_budgeted else ()
    search.forget_encodings()
    store.tidy()
    if is_reduced:
        notes = (*notes, "The original does not fit the memory: its 8-bit copy stood in for it.")
    for point in points:
        if point.quality and point.quality.is_rival:
            notes = (*notes, f"{point.folder.name}: the uniform scheme lost less than the chosen one: it was written.")
    return replace(_result(making, notes, points), calibration=calibration, held_out=held_out, sensitive=sensitive)


def _points(making: Making, search: Search, partial: Path, progress: Progress) -> Iterator[Point]:
    """Find and write one checkpoint for each budget, or the one that the plan gives."""
    for name, chosen in _findings(making, search):
        found = search.polished(chosen) if making.plan.polish else chosen
        inner, folder = (partial / name, making.plan.destination / name) if name else (partial, making.plan.destination)
        inner.mkdir(exist_ok=True)
        quality = Quality(
            found.predicted_nats, found.measured, found.rival, found.rival_measured, found.is_rival, found.polished_from
        )
        with models.small_cache():
            yield making.write(inner, folder, bound(_apply_found, found), quality, progress)


def _apply_found(found: Found, model: Any) -> Layout:
    models.apply(model, found.layout, lambda path, _weight, _scheme: found.encoded(path))
    return found.layout


def _findings(making: Making, search: Search) -> Iterator[tuple[str, Found]]:
    plan = making.plan
    if not plan.is_budgeted:
        yield "", search.judge(_layout(making, search.bench.model))
        return
    options = search.options()
    targets = _targets(plan, making.parameters)
    for target in targets:
        yield target.name if len(targets) > 1 else "", search.choose(target, making.fixed_bytes, options)


def _targets(plan: QuantizePlan, parameters: int) -> tuple[Target, ...]:
    if plan.max_bytes is not None:
        return (Target(str(plan.max_bytes), plan.max_bytes),)
    return tuple(Target(f"{bits:g}bpw", int(bits * parameters / 8)) for bits in plan.bits_per_weight)


def _is_too_large(making: Making) -> bool:
    here = machine.read()
    limit = here.working_set_bytes or here.available_memory_bytes
    number_bytes = 4 if here.device == "cpu" else 2
    return limit is not None and number_bytes * making.parameters > MEMORY_SHARE * limit


def _result(making: Making, notes: tuple[str, ...], points: tuple[Point, ...]) -> QuantizeResult:
    plan = making.plan
    return QuantizeResult(
        plan=plan,
        points=points,
        dtype=making.dtype,
        encoder=f"mlx-lm's {plan.method}" if plan.method else plan.chosen_encoder,
        source_bytes=making.source.size_bytes,
        config_changes=making.source.config_changes,
        notes=notes,
    )


def _refuse(source: Checkpoint, plan: QuantizePlan) -> None:
    described = describe(source.config)
    if described is not None and not plan.requantize:
        raise CheckpointError(
            f"{plan.source!r} is quantized already: {described}.",
            hint="quantize the full-precision original, or lose some more with --requantize",
        )


def _dtype(source: Checkpoint) -> str:
    """Two bytes a number: 32-bit scales would cost as much as another two bits per weight."""
    stored = floating_dtype(source.tensors.values())
    return stored if stored in ("bfloat16", "float16") else "bfloat16"


def _requantized(source: Checkpoint) -> tuple[str, ...]:
    described = describe(source.config)
    return (f"The source was quantized already ({described}): it was dequantized first.",) if described else ()
