"""From the ledger to the frontier; nothing is measured, and nothing is fetched."""

from collections.abc import Callable
from dataclasses import dataclass

from mlxkit.core.devices import Device
from mlxkit.core.errors import NotFoundError
from mlxkit.core.frontier import compared, drawn_up
from mlxkit.core.located import Locate
from mlxkit.core.measurement import Measurement
from mlxkit.engines import ledger, store
from mlxkit.usecases.report.gathering import Rooms, at_hand, chosen_devices, limits
from mlxkit.usecases.report.naming import named
from mlxkit.usecases.report.plan import USUAL_DEVICES, ReportPlan
from mlxkit.usecases.report.result import ReportResult


@dataclass(frozen=True)
class Surroundings:
    """What the engines tell of measurements and of devices.

    Attributes:
        find: finds measurements in the ledger.
        known_devices: gives the devices that names mean.
    """

    find: Callable[[], tuple[Measurement, ...]] = ledger.find
    known_devices: Callable[[], tuple[Device, ...]] = store.known_devices


def report(
    plan: ReportPlan, *, rooms: Rooms, locate: Locate = store.local, around: Surroundings | None = None
) -> ReportResult:
    """Draw up the frontier of all weights that were judged by one original on one text.

    Args:
        plan: which weights, for which devices.
        rooms: tells what devices leave for weights.
        locate: leads from a name to a folder, and fetches nothing.
        around: the ledger and the devices.

    Raises:
        NotFoundError: nothing was measured, there is no such device, or a recipe cannot be read.
        PlanError: a recipe is none, or several devices are called so.
        IntegrityError: a measurement was changed.
        MlxkitError: the ledger cannot be opened.
    """
    there = around or Surroundings()
    found = there.find()
    who = named(plan.names, found)
    devices = chosen_devices(plan.devices or who.devices or USUAL_DEVICES, there.known_devices())
    comparison = compared(found, who.digests)
    if comparison is None:
        raise NotFoundError(
            "No weights were measured against an original yet.", hint="mlxkit eval MODEL --reference ORIGINAL"
        )
    left, notes = limits(devices, comparison.original, rooms)
    frontier = drawn_up(comparison, found, at_hand(comparison, locate, who.weights), left, notes)
    metric = frontier.metric(plan.metric)
    if metric is None:
        raise NotFoundError(f"No {_WORDS[plan.metric]} was measured of these weights.", hint=_HINTS[plan.metric])
    return ReportResult(plan, frontier, metric)


_WORDS = {"kl": "KL", "top1": "agreement", "task": "task", "speed": "speed"}
_HINTS = {
    "kl": "mlxkit eval MODEL",
    "top1": "mlxkit eval MODEL",
    "task": "mlxkit eval MODEL --task tiny",
    "speed": "mlxkit bench MODEL",
}
