"""Where a model is to run: a named device, or this machine with what was measured on it before."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device, device
from mlxkit.core.fitting import Record, workspace_bytes
from mlxkit.core.measurement import Measurement
from mlxkit.core.pace import Pace, Step, fitted
from mlxkit.engines import ledger, machine, models, store
from mlxkit.engines.machine import Machine
from mlxkit.usecases.fit.plan import FitPlan

_MACHINE = ("chip", "memory_bytes", "device", "device_architecture")
"""What makes two measurements those of one machine: systems and drivers come and go."""


@dataclass(frozen=True)
class Place:
    """Where a model is to run.

    Attributes:
        name: for the table.
        limit_bytes: what there is for it; None when that is not known.
        dense: how fast dense models decode; None when it is not known.
        mixture: how fast mixtures of experts do; None when it is not known.
        is_cpu: MLX's CPU backend.
        workspace_factor: what measurements there make of the estimate.
    """

    name: str
    limit_bytes: int | None
    dense: Pace | None = None
    mixture: Pace | None = None
    is_cpu: bool = False
    workspace_factor: float = 1.0


@dataclass(frozen=True)
class Surroundings:
    """What the engines tell of devices, of this machine and of its past.

    Attributes:
        read_machine: describes this machine.
        known_devices: gives the devices that names mean.
        find: finds what was measured here before, in the ledger.
    """

    read_machine: Callable[[], Machine] = machine.read
    known_devices: Callable[[], tuple[Device, ...]] = store.known_devices
    find: Callable[..., Iterable[Measurement]] = ledger.find


TRUE = Surroundings()
"""What there really is."""


def places(plan: FitPlan, around: Surroundings) -> tuple[tuple[Place, ...], Record]:
    """Return where a plan asks for, and how predictions fared there.

    Raises:
        NotFoundError: there is no such device.
    """
    if plan.devices:
        known = around.known_devices()
        return tuple(_place(device(name, known)) for name in plan.devices), Record()
    here = around.read_machine()
    measured = [found for kind in _KINDS for found in around.find(kind=kind) if _is_of(here, found)]
    prefills = Record.of(found.summary for found in measured if "prompt_tokens" in found.workload)
    place = Place(
        "this machine",
        here.limit_bytes,
        *(_paces(measured) or _tabled(here, around.known_devices())),
        is_cpu=here.device == "cpu",
        workspace_factor=prefills.workspace_factor,
    )
    return (place,), Record.of(found.summary for found in measured)


_KINDS = ("throughput", "memory")
"""What is measured with its memory beside it. Judging text holds logits too: it corrects no estimate of a prefill."""


def _place(found: Device) -> Place:
    return Place(found.name, found.limit_bytes, *_described(found))


def _described(found: Device) -> tuple[Pace | None, Pace | None]:
    """Return what the table says of a device: how fast dense models decode, and mixtures."""
    speed = found.speed
    if speed is None or found.bandwidth is None:
        return None, None
    byte_seconds = 1 / (speed.eta.value * found.bandwidth.value)
    return Pace(speed.dense_layer_seconds.value, byte_seconds), Pace(speed.moe_layer_seconds.value, byte_seconds)


def _tabled(here: Machine, known: Iterable[Device]) -> tuple[Pace | None, Pace | None]:
    """Return what the table says of this machine's chip; of its memory size, where bandwidths differ by that."""
    chip = (here.chip or "").removeprefix("Apple ")
    same = [one for one in known if (one.kind, one.chip) == ("mac", chip)] if here.has_metal else []
    same.sort(key=lambda one: abs(one.memory_bytes - (here.memory_bytes or 0)))
    return _described(same[0]) if same else (None, None)


def _is_of(here: Machine, found: Measurement) -> bool:
    facts = here.facts()
    return all(found.machine.get(name) == facts[name] for name in _MACHINE)


def _paces(measured: Iterable[Measurement]) -> tuple[Pace | None, Pace | None] | None:
    """Return how fast this machine decoded dense models, and mixtures; the one stands in for the other.

    None when it was never measured.
    """
    steps: dict[bool, list[Step]] = {False: [], True: []}
    for found in measured:
        names = ("generation_tps", "layers", "read_bytes_per_step")
        tps, layers, read_bytes = (found.summary.get(name) for name in names)
        batch = found.workload.get("batch")
        if tps and layers and read_bytes and batch:
            steps[bool(found.summary.get("is_mixture"))].append(Step(batch / tps, layers, read_bytes))
    dense, mixture = fitted(steps[False]), fitted(steps[True])
    return (dense or mixture, mixture or dense) if dense or mixture else None


def workspace(
    checkpoint: Checkpoint, place: Place, batch: int, *, is_quantized: bool, traced: models.Traced | None
) -> Callable[[int], int]:
    """Return what gives about the bytes that a context takes to work in there.

    Args:
        checkpoint: the model's; its weights may be holes.
        place: where it is to run.
        batch: rows side by side.
        is_quantized: its weights are, and are computed so.
        traced: the model as it is computed there; None when mlx-lm cannot make it, and its widths tell.
    """

    def estimated(context: int) -> int:
        if traced is not None:
            return traced.workspace_bytes(context, batch, on_cpu=place.is_cpu)
        return workspace_bytes(checkpoint.config, context, batch, on_cpu=place.is_cpu, is_quantized=is_quantized)

    return lambda context: round(place.workspace_factor * estimated(context))
