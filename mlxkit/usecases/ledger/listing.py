"""What is in the ledger."""

from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.exchange import exported
from mlxkit.core.measurement import Kind, Measurement
from mlxkit.core.report import Fact, Note, Report
from mlxkit.engines import ledger, store
from mlxkit.usecases.ledger.figures import table


@dataclass(frozen=True)
class LedgerPlan:
    """Which measurements.

    Attributes:
        kind: of this kind; None for all.
        model: of the model with this name, or the beginning of a checkpoint's digest; None for all.
    """

    kind: Kind | None = None
    model: str | None = None


@dataclass(frozen=True)
class LedgerResult:
    """The measurements that were asked for, the newest last.

    Attributes:
        plan: what was asked.
        place: the ledger's file, with the home folder as ``~``.
        measurements: what was found.
    """

    command: ClassVar[str] = "ledger"
    plan: LedgerPlan
    place: str
    measurements: tuple[Measurement, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """None: an empty ledger is a ledger."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON: all of each measurement but its raw values, which `show` and `export` have."""
        entries = [{key: value for key, value in exported(one).items() if key != "raw"} for one in self.measurements]
        return {"verb": "list", "place": self.place, "measurements": entries}

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (Fact("Measurements", len(self.measurements), "count"),)
        if not self.measurements:
            return Report(self.place, facts, notes=(Note(nothing(self.plan)),))
        return Report(self.place, facts, (table(self.measurements),))


def list_measurements(plan: LedgerPlan) -> LedgerResult:
    """Return what the ledger has. A ledger that is not there yet is empty, and is not made.

    Raises:
        IntegrityError: the file is no ledger, one of a newer mlxkit, or a measurement in it was changed.
        MlxkitError: it cannot be opened, or another process does not let go of it.
    """
    return LedgerResult(plan, ledger.redacted(str(ledger.ledger_path())), selected(plan))


def selected(plan: LedgerPlan) -> tuple[Measurement, ...]:
    """Return the measurements that a plan names, the newest last."""
    return ledger.find(plan.kind, None if plan.model is None else store.shown(plan.model))


def nothing(plan: LedgerPlan) -> str:
    """Return what to say when nothing was found."""
    if plan.kind is None and plan.model is None:
        return "The ledger is empty: `mlxkit eval tiny` makes a first measurement."
    return "The ledger has no such measurement: `mlxkit ledger list` tells what there is."
