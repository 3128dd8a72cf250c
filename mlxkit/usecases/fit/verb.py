"""From a model's headers to whether it fits: mlx-lm's own class is traced, and no weight is read."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from mlxkit.core.anatomy import bytes_per_step, parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device, device
from mlxkit.core.fitting import Need, Record, cpu_workspace_bytes, decode_tps, gpu_workspace_bytes, longest
from mlxkit.core.located import Locate
from mlxkit.core.measurement import Measurement
from mlxkit.core.quantization import describe
from mlxkit.core.schemes import Scheme, parse
from mlxkit.engines import ledger, machine, models, store
from mlxkit.engines.machine import Machine
from mlxkit.usecases.fit.plan import FitPlan
from mlxkit.usecases.fit.result import FitResult, Row

USUAL = ("8bit", "6bit", "4bit")
"""Schemes that are shown of an unquantized model when none is named."""


_MACHINE = ("chip", "memory_bytes", "device", "device_architecture")
"""What makes two measurements those of one machine: systems and drivers come and go."""


@dataclass(frozen=True)
class Place:
    """Where a model is to run.

    Attributes:
        name: for the table.
        limit_bytes: what there is for it; None when that is not known.
        bandwidth: of its memory, bytes per second; None when it is not known.
        eta: share of it that decoding reaches; None when it is not known.
        layer_seconds: what a layer costs besides reading, of a dense model and of a mixture; None when not known.
        is_cpu: MLX's CPU backend.
        workspace_factor: what measurements there make of the estimate.
    """

    name: str
    limit_bytes: int | None
    bandwidth: float | None = None
    eta: float | None = None
    layer_seconds: tuple[float, float] | None = None
    is_cpu: bool = False
    workspace_factor: float = 1.0


def fit(
    plan: FitPlan,
    *,
    locate: Locate = store.local,
    read_machine: Callable[[], Machine] = machine.read,
    known_devices: Callable[[], tuple[Device, ...]] = store.known_devices,
    read_bandwidth: Callable[[], Sequence[float]] = models.read_bandwidth,
    find: Callable[..., Iterable[Measurement]] = ledger.find,
) -> FitResult:
    """Tell what a model takes and whether that fits.

    Args:
        plan: what to ask.
        locate: leads from the model's name to what can be looked at; its weights may be holes.
        read_machine: describes this machine.
        known_devices: gives the devices that names mean.
        read_bandwidth: measures this machine's memory, bytes per second.
        find: finds what was measured here before, in the ledger.

    Raises:
        NotFoundError: there is no such device.
        CheckpointError: mlx-lm has no such architecture, or its class cannot use this config.
    """
    past = Record()
    if plan.devices:
        places = tuple(_place(device(name, known_devices())) for name in plan.devices)
    else:
        here = read_machine()
        past = _past(here, find(kind="throughput"))
        places = (_here(here, read_bandwidth, past),)
    checkpoint = store.read(plan.model, locate(plan.model).folder).sound()
    traced = models.trace(checkpoint, trust_remote_code=plan.trust_remote_code)

    @cache
    def cache_bytes(context: int) -> int:
        return traced.cache_bytes(context, plan.batch).allocated

    sizes = dict(_sizes(plan, checkpoint, traced))
    step = bytes_per_step(checkpoint.config, list(parts(checkpoint)), plan.batch) / max(1, traced.weight_bytes)
    rows = []
    for scheme, weight_bytes in sizes.items():
        for place in places:
            workspace = _workspace(checkpoint, place, plan.batch)

            def need(
                context: int, weight_bytes: int = weight_bytes, workspace: Callable[[int], int] = workspace
            ) -> Need:
                return Need(weight_bytes, cache_bytes(context), workspace(context))

            longest_context = _longest(checkpoint, place, need)
            for context in plan.contexts:
                speed = _speed(place, traced, step * weight_bytes + cache_bytes(context), plan.batch)
                rows.append(Row(scheme, place.name, place.limit_bytes, context, need(context), speed, longest_context))
    notes = (*checkpoint.warnings, *traced.notes, *_remarks(plan, checkpoint, past))
    return FitResult(plan, tuple(rows), traced.parameters, checkpoint.context, notes)


def _sizes(plan: FitPlan, checkpoint: Checkpoint, traced: models.Traced) -> Iterator[tuple[str, int]]:
    """Yield each scheme's name and its bytes of weights."""
    described = describe(checkpoint.config)
    if not plan.schemes:
        yield described or "as stored", traced.weight_bytes
    schemes: tuple[Scheme, ...] = plan.schemes
    if not schemes and described is None:
        schemes = tuple(parse(name) for name in USUAL)
    found = models.weights(checkpoint, schemes, trust_remote_code=plan.trust_remote_code) if schemes else ()
    yield from ((scheme.name, size) for scheme, size in zip(schemes, found, strict=True))


def _place(found: Device) -> Place:
    speed = found.speed
    return Place(
        name=found.name,
        limit_bytes=found.limit_bytes,
        bandwidth=found.bandwidth.value if found.bandwidth else None,
        eta=speed.eta.value if speed else None,
        layer_seconds=(speed.dense_layer_seconds.value, speed.moe_layer_seconds.value) if speed else None,
    )


def _here(here: Machine, read_bandwidth: Callable[[], Sequence[float]], past: Record) -> Place:
    bandwidth = statistics.median(read_bandwidth())
    is_cpu, factor = here.device == "cpu", past.workspace_factor
    return Place("this machine", here.limit_bytes, bandwidth, is_cpu=is_cpu, workspace_factor=factor)


def _past(here: Machine, measured: Iterable[Measurement]) -> Record:
    """Return how predictions fared on this machine."""
    facts = here.facts()
    same = [found for found in measured if all(found.machine.get(name) == facts[name] for name in _MACHINE)]
    names = ("predicted_memory_bytes", "predicted_workspace_bytes", "peak_memory_bytes")
    runs = [[found.summary.get(name) for name in names] for found in same]
    known = [run for run in runs if all(isinstance(value, int) and value > 0 for value in run)]
    return Record(*zip(*known, strict=True)) if known else Record()


def _workspace(checkpoint: Checkpoint, place: Place, batch: int) -> Callable[[int], int]:
    text = checkpoint.config.get("text_config")
    config = text if isinstance(text, dict) else checkpoint.config
    hidden, intermediate = (config.get(key) for key in ("hidden_size", "intermediate_size"))
    if place.is_cpu and isinstance(hidden, int) and isinstance(intermediate, int):
        sizes = {"hidden": hidden, "intermediate": intermediate, "number_bytes": 2}
        return lambda context: round(place.workspace_factor * cpu_workspace_bytes(context, batch, **sizes))
    return lambda context: round(place.workspace_factor * gpu_workspace_bytes(context, batch))


def _longest(checkpoint: Checkpoint, place: Place, need: Callable[[int], Need]) -> int | None:
    limit = place.limit_bytes
    if limit is None or checkpoint.context is None:
        return None
    return longest(checkpoint.context, lambda context: need(context).total_bytes <= limit)


def _speed(place: Place, traced: models.Traced, read_bytes: float, batch: int) -> float | None:
    if place.bandwidth is None or place.eta is None or place.layer_seconds is None:
        return None
    layer_seconds = place.layer_seconds[traced.is_mixture]
    return batch * decode_tps(read_bytes, traced.layers, layer_seconds, place.eta, place.bandwidth)


def _remarks(plan: FitPlan, checkpoint: Checkpoint, past: Record) -> Iterator[str]:
    if past.worst is not None:
        runs = len(past.measured)
        yield f"Predictions of memory were within {past.worst:.1%} over {runs} run{'s'[: runs != 1]} on this machine."
    beyond = [context for context in plan.contexts if checkpoint.context is not None and context > checkpoint.context]
    if beyond:
        yield f"The model's own context is {checkpoint.context:,} tokens: {max(beyond):,} is beyond it."
