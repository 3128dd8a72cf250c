"""Measurements of others, or of another machine, taken into the ledger: all of them or none."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core import exchange
from mlxkit.core.errors import IntegrityError, MlxkitError
from mlxkit.core.measurement import Measurement
from mlxkit.core.report import Fact, Note, Report
from mlxkit.engines import ledger


@dataclass(frozen=True)
class ImportPlan:
    """What to import.

    Attributes:
        files: of JSON Lines, as `export` writes them; ``-`` is stdin.
        dry_run: tell what would be new, and write nothing.
    """

    files: tuple[str, ...]
    dry_run: bool = False


@dataclass(frozen=True)
class ImportResult:
    """What was imported, or would be.

    Attributes:
        plan: what was asked.
        new: how many measurements were not in the ledger.
        known: how many were, each line counted.
    """

    command: ClassVar[str] = "ledger"
    plan: ImportPlan
    new: int
    known: int

    @property
    def failure(self) -> MlxkitError | None:
        """None: to know all of it already is no failure."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {"verb": "import", "is_dry_run": self.plan.dry_run, "new": self.new, "already_there": self.known}

    def report(self) -> Report:
        """Return what a reader sees."""
        title = "This would be imported" if self.plan.dry_run else "Imported"
        facts = (Fact("New", self.new, "count"), Fact("Already there", self.known, "count"))
        is_empty = self.new + self.known == 0
        return Report(title, facts, notes=(Note("There is no measurement in what was given."),) if is_empty else ())


def import_measurements(plan: ImportPlan) -> ImportResult:
    """Take measurements into the ledger, every line proved by its id before the first is written.

    Raises:
        NotFoundError: a file cannot be read.
        IntegrityError: a line is no measurement, or was changed; the message names file and line.
        DoesNotFitError: the disk is full.
        MlxkitError: the ledger cannot be opened or written, or another process does not let go of it.
    """
    found = [one for name in plan.files for one in _measurements(name)]
    if plan.dry_run:
        different = {ledger.as_kept(one).id: one for one in found}
        new = len(different) - ledger.held(different.values())
    else:
        new = ledger.record(found)
    return ImportResult(plan, new, len(found) - new)


def _measurements(name: str) -> Iterator[Measurement]:
    for number, line in enumerate(ledger.read_lines(name), start=1):
        if not line.strip():
            continue
        try:
            yield exchange.parse(line)
        except IntegrityError as error:
            place = "stdin" if name == "-" else repr(name)
            raise IntegrityError(f"{place}, line {number}: {error.message}", hint=error.hint) from error
