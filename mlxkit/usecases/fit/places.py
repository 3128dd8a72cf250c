"""Where a model is to run: a named device, or this machine with what was measured on it before."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device, device
from mlxkit.core.fitting import Record, workspace_bytes
from mlxkit.core.measurement import Measurement
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


@dataclass(frozen=True)
class Surroundings:
    """What the engines tell of devices, of this machine and of its past.

    Attributes:
        read_machine: describes this machine.
        known_devices: gives the devices that names mean.
        read_bandwidth: measures this machine's memory, bytes per second.
        find: finds what was measured here before, in the ledger.
    """

    read_machine: Callable[[], Machine] = machine.read
    known_devices: Callable[[], tuple[Device, ...]] = store.known_devices
    read_bandwidth: Callable[[], Sequence[float]] = models.read_bandwidth
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
    past = _past(here, around.find(kind="throughput"))
    return (_here(here, around.read_bandwidth, past),), past


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


def workspace(checkpoint: Checkpoint, place: Place, batch: int, *, is_quantized: bool) -> Callable[[int], int]:
    """Return what gives about the bytes that a context takes to work in there."""

    def about(context: int) -> int:
        found = workspace_bytes(checkpoint.config, context, batch, on_cpu=place.is_cpu, is_quantized=is_quantized)
        return round(place.workspace_factor * found)

    return about
