"""From a plan to quantized checkpoints: with schemes that are given, or with those that a search finds."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial as bound
from itertools import count
from pathlib import Path
from typing import Any

from mlxkit.core.budget import Target, bounds
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device, device
from mlxkit.core.disk import FREE_DESTINATION, check_disk
from mlxkit.core.errors import CheckpointError, DoesNotFitError, MlxkitError, PlanError
from mlxkit.core.fitting import USUAL_CONTEXT, gpu_workspace_bytes, room_for_weights
from mlxkit.core.located import Locate
from mlxkit.core.mixes import mixed
from mlxkit.core.output import floating_dtype
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.quantization import Layout, describe, uniform
from mlxkit.core.rules import pinned, ruled
from mlxkit.core.schemes import Scheme, parse
from mlxkit.core.sizes import size_text
from mlxkit.engines import machine, models, store
from mlxkit.engines.machine import Machine
from mlxkit.usecases.quantize.making import Making, Wanted
from mlxkit.usecases.quantize.plan import QuantizePlan
from mlxkit.usecases.quantize.result import Point, Quality, QuantizeResult
from mlxkit.usecases.quantize.search import Found, Search
from mlxkit.usecases.quantize.text import identity, texts

REDUCED_BYTES = 1.07
"""What the stand-in for an original that does not fit takes for each parameter: 8 bits and their scales."""

MEMORY_SHARE = 0.6
"""Share of the memory that the original may take while sensitivities are measured: activations need the rest."""


def quantize(
    plan: QuantizePlan,
    *,
    progress: Progress | None = None,
    locate: Locate = store.local,
    read_machine: Callable[[], Machine] = machine.read,
    known_devices: Callable[[], tuple[Device, ...]] = store.known_devices,
    free_bytes: Callable[[Path], int | None] = machine.free_bytes,
) -> QuantizeResult:
    """Write quantized checkpoints that stock mlx-lm loads.

    Args:
        plan: what to do.
        progress: told how far it is.
        locate: leads from the source's name to its folder.
        read_machine: describes the machine, whose memory the original fits or does not.
        known_devices: gives the devices that names mean.
        free_bytes: tells what a folder's disk has left; None when that is not known.

    Raises:
        CheckpointError: the source is quantized already (without `requantize`).
        DoesNotFitError: a budget is smaller than the smallest there is, or the disk has no room.
        NotFoundError: there is no such device.
        PlanError: nothing would be quantized.
        MlxkitError: nothing was written, and why.
    """
    progress = progress or Silent()
    store.refuse_existing(plan.destination, force=plan.force)
    located = locate(plan.source)
    with store.replacing(plan.destination, source=located.folder, force=plan.force) as partial:
        source = store.read(plan.source, located.folder).sound()
        _refuse(source, plan)
        plan, said = _budgeted(plan, source, known_devices)
        making, notes = _prepared(plan, source, located)
        notes = (*said, *notes)
        if plan.method is None:
            _demand_sense(making)
        check_disk(_most_bytes(making), free_bytes(plan.destination), str(plan.destination), FREE_DESTINATION)
        if plan.needs_text:
            is_reduced = _is_too_large(making, read_machine())
            return _searched(making, notes, partial, progress, is_reduced=is_reduced)
        if plan.method is not None:
            making, quantize_ = _with_method(making, progress)
            wanted = [Wanted(partial, plan.destination, quantize_, plan.schemes[0])]
        else:
            wanted = [_given(making, partial, number) for number in range(len(plan.schemes) or 1)]
        with models.small_cache():
            points = making.write(wanted, progress)
    return _result(making, notes, points)


def _budgeted(
    plan: QuantizePlan, source: Checkpoint, known_devices: Callable[[], tuple[Device, ...]]
) -> tuple[QuantizePlan, tuple[str, ...]]:
    """Return a plan whose device has become a budget, with a sentence on it; any other plan is as it was."""
    if plan.device is None:
        return plan, ()
    found = device(plan.device, known_devices())
    context = plan.context or min(USUAL_CONTEXT, source.context or USUAL_CONTEXT)
    traced = models.trace(source, scheme=parse("8bit"), trust_remote_code=plan.trust_remote_code)
    cache_bytes = traced.cache_bytes(context).allocated
    budget = room_for_weights(found.limit_bytes, cache_bytes, gpu_workspace_bytes(context, 1))
    if budget <= 0:
        raise DoesNotFitError(
            f"{context:,} tokens leave nothing for weights on {found.name}: of {size_text(found.limit_bytes)}, "
            f"the cache takes {size_text(cache_bytes)}.",
            hint="a shorter --context leaves more",
        )
    said = f"{found.name} leaves {size_text(budget)} for weights beside {context:,} tokens of context."
    return replace(plan, device=None, context=None, max_bytes=budget), (said,)


def _most_bytes(making: Making) -> int:
    """Return what will be written at most, tensors of all checkpoints together."""
    plan, unquantized = making.plan, making.fixed_bytes + sum(map(making.unit_bytes, making.units))
    if plan.is_budgeted:
        return sum(min(target.size_bytes, unquantized) for target in _targets(plan, making.parameters))
    if plan.method is not None:
        return unquantized
    return sum(_bytes_of(making, _layout(making, scheme)) for scheme in plan.schemes or (None,))


def _bytes_of(making: Making, layout: Layout) -> int:
    schemes = layout.schemes
    return making.fixed_bytes + sum(
        unit.size_bytes(schemes.get(unit.path), making.number_bytes) for unit in making.units
    )


def _prepared(plan: QuantizePlan, source: Checkpoint, located: Any) -> tuple[Making, tuple[str, ...]]:
    dtype = plan.dtype or _dtype(source)
    making = Making(plan, source, located, dtype, (), 0, 0, 0, (*_requantized(source), *source.config_changes), {})
    opened = making.opened()
    units = models.units(opened.model)
    making = replace(
        making,
        units=units,
        layers=len(getattr(opened.model, "layers", ())),
        parameters=models.parameters(opened.model),
        fixed_bytes=models.size_bytes(opened.model) - sum(making.unit_bytes(unit) for unit in units),
    )
    return making, (*_requantized(source), *source.warnings, *source.config_notes, *opened.notes)


def _demand_sense(making: Making) -> None:
    """Refuse, before anything is measured, what can come to nothing.

    Raises:
        DoesNotFitError: a budget is smaller than the smallest there is.
        MlxkitError: rules or mix do not fit the model, or nothing would be quantized.
    """
    plan = making.plan
    if not plan.is_budgeted:
        for scheme in plan.schemes or (None,):
            _layout(making, scheme)
        return
    pins = pinned(making.units, plan.rules)
    smallest, largest = bounds(making.units, pins, making.number_bytes)
    if smallest == largest and not any(pins.values()):
        raise _nothing(plan)
    for target in _targets(plan, making.parameters):
        target.demand(making.fixed_bytes + smallest)
        if not any(pins.values()):
            target.demand_less_than(making.fixed_bytes + largest, making.dtype)


def _nothing(plan: QuantizePlan) -> MlxkitError:
    hint = "mlxkit convert SRC DEST writes it unquantized"
    if plan.rules:
        return PlanError(f"With these rules nothing in {plan.source!r} is quantized.", hint=hint)
    return CheckpointError(f"Nothing in {plan.source!r} can be quantized to {plan.goal}.", hint=hint)


def _given(making: Making, partial: Path, number: int) -> Wanted:
    """Return one of the checkpoints whose schemes the plan gives."""
    scheme = making.plan.schemes[number] if making.plan.schemes else None
    inner, folder = _places(making, partial, scheme.name if scheme else "")
    return Wanted(inner, folder, bound(_apply_given, making, scheme, number), scheme)


def _places(making: Making, partial: Path, name: str) -> tuple[Path, Path]:
    """Return where a checkpoint is written, and where it will stand."""
    if not making.plan.makes_several:
        return partial, making.plan.destination
    (partial / name).mkdir()
    return partial / name, making.plan.destination / name


def _apply_given(making: Making, scheme: Scheme | None, number: int, model: Any) -> Layout:
    """Quantize a model by the schemes that the plan gives; of several, so that no two wait for the same processor."""
    layout, encoder, turns = _layout(making, scheme), making.plan.chosen_encoder, count(number)

    def give(_path: str, weight: Any, chosen: Scheme) -> models.Encoded:
        with models.lane(next(turns)) if making.plan.makes_several else nullcontext():
            return models.encode(weight, chosen, encoder)

    models.apply(model, layout, give)
    return layout


def _with_method(making: Making, progress: Progress) -> tuple[Making, Callable[[Any], Layout]]:
    """Return what mlx-lm's own function is to do, with its text."""
    plan, source = making.plan, making.source
    if plan.method is not None:
        reason = models.refusal(plan.method, source, plan.schemes[0])
        if reason is not None:
            raise CheckpointError(reason, hint="leave --method out")
    bench = models.Workbench(source, making.dtype, is_reduced=False, trust_remote_code=plan.trust_remote_code)
    calibration, _ = texts(plan, source, bench, identity(source, making.dtype, is_reduced=False), progress)
    making = replace(making, options={"calibration": calibration.data(), "seed": plan.seed})
    return making, bound(_by_method, making, calibration.rows, progress)


def _by_method(making: Making, rows: tuple[tuple[int, ...], ...], progress: Progress, model: Any) -> Layout:
    method = making.plan.method
    if method is None:
        raise AssertionError("there is a method")
    return models.by_method(method, model, models.array(rows), making.plan.schemes[0], making.source, progress)


def _layout(making: Making, scheme: Scheme | None) -> Layout:
    """Return the layout of a scheme or of the plan's mix, with the rules over it."""
    plan = making.plan
    if plan.mix is not None:
        layout = mixed(making.units, plan.mix, making.layers)
    elif scheme is not None:
        layout = uniform(making.units, scheme)
    else:
        raise AssertionError("a budget has no layout before its search")
    layout = ruled(layout, making.units, plan.rules)
    if not layout.schemes:
        raise _nothing(plan)
    return layout


def _searched(
    making: Making,
    notes: tuple[str, ...],
    partial: Path,
    progress: Progress,
    *,
    is_reduced: bool,
) -> QuantizeResult:
    plan = making.plan
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
    """Find and write one checkpoint for each budget, or for what the plan gives."""
    for number, (target, scheme, chosen) in enumerate(_findings(making, search)):
        found = search.polished(chosen) if making.plan.polish else chosen
        inner, folder = _places(making, partial, target.name if target else scheme.name if scheme else "")
        quality = Quality(
            found.predicted_nats, found.measured, found.rival, found.rival_measured, found.is_rival, found.polished_from
        )
        wanted = Wanted(inner, folder, bound(_apply_found, found), scheme, target, quality)
        with models.small_cache():
            yield from making.write([wanted], progress, is_proven=number > 0)


def _apply_found(found: Found, model: Any) -> Layout:
    models.apply(model, found.layout, lambda path, _weight, _scheme: found.encoded(path))
    return found.layout


def _findings(making: Making, search: Search) -> Iterator[tuple[Target | None, Scheme | None, Found]]:
    plan = making.plan
    if not plan.is_budgeted:
        for scheme in plan.schemes or (None,):
            yield None, scheme, search.judge(_layout(making, scheme))
        return
    options = search.options()
    for target in _targets(plan, making.parameters):
        yield target, None, search.choose(target, making.fixed_bytes, options)


def _targets(plan: QuantizePlan, parameters: int) -> tuple[Target, ...]:
    if plan.max_bytes is not None:
        return (Target.of_bytes(plan.max_bytes, parameters),)
    return tuple(Target.of_bits(bits, parameters) for bits in plan.bits_per_weight)


def _is_too_large(making: Making, here: Machine) -> bool:
    limit = here.limit_bytes
    if limit is None:
        return False
    if REDUCED_BYTES * making.parameters > limit:
        raise DoesNotFitError(
            f"Measuring {making.plan.source!r} takes at least {size_text(REDUCED_BYTES * making.parameters)}, "
            f"and there is {size_text(limit)}.",
            hint="--scheme needs no measurement, and no more memory than one tensor",
        )
    number_bytes = 4 if here.device == "cpu" else 2
    return number_bytes * making.parameters > MEMORY_SHARE * limit


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
