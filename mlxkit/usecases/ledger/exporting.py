"""Measurements written as JSON Lines, for others or for another machine."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.exchange import exported, line
from mlxkit.core.measurement import Measurement
from mlxkit.core.report import Fact, Note, Report
from mlxkit.engines import ledger
from mlxkit.usecases.ledger.figures import table
from mlxkit.usecases.ledger.listing import LedgerPlan, nothing, selected


@dataclass(frozen=True)
class ExportPlan:
    """What to export.

    Attributes:
        which: the measurements.
        destination: the file to write; None for stdout.
        force: a file that is there already is replaced.
    """

    which: LedgerPlan = field(default_factory=LedgerPlan)
    destination: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class ExportResult:
    """What was exported.

    Attributes:
        plan: what was asked.
        measurements: the oldest first, those of one moment in the order of their ids.
    """

    command: ClassVar[str] = "ledger"
    plan: ExportPlan
    measurements: tuple[Measurement, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """None: nothing to export is no failure."""
        return None

    @property
    def text(self) -> str:
        """The lines, each with its end."""
        return "".join(f"{line(one)}\n" for one in self.measurements)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        return () if self.measurements else (nothing(self.plan.which),)

    def data(self) -> dict[str, Any]:
        """Return the result as JSON: where it was written, or the measurements themselves."""
        destination = self.plan.destination
        entries = [exported(one) for one in self.measurements] if destination is None else None
        return {
            "verb": "export",
            "written_to": None if destination is None else str(destination),
            "count": len(self.measurements),
            "measurements": entries,
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        notes = tuple(Note(text) for text in self.notes)
        count = Fact("Measurements", len(self.measurements), "count")
        if self.plan.destination is None:
            return Report("Measurements", (count,), (table(self.measurements),) if self.measurements else (), notes)
        facts = (Fact("Written to", str(self.plan.destination)), count, Fact("Size", len(self.text), "bytes"))
        return Report("Ledger exported", facts, (), notes)


def export_measurements(plan: ExportPlan) -> ExportResult:
    """Export measurements, without what is private: to a file, whole or not at all, or as the result's text.

    Raises:
        PlanError: the file is there already, or is no place for one.
        IntegrityError: the ledger is none, one of a newer mlxkit, or a measurement in it was changed.
        DoesNotFitError: the disk is full.
        MlxkitError: the ledger cannot be opened, or the file cannot be written.
    """
    # Redacted once more: who is at this machine may have changed since they were recorded.
    found = {one.id: one for one in map(ledger.as_kept, selected(plan.which))}
    result = ExportResult(plan, tuple(sorted(found.values(), key=lambda one: (one.taken_at, one.id))))
    if plan.destination is not None:
        ledger.write_whole(plan.destination, result.text.encode("ascii"), force=plan.force)
    return result
