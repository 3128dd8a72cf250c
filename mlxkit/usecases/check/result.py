"""What was found, gravest first."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import GateError, MlxkitError
from mlxkit.core.findings import Finding, Severity
from mlxkit.core.located import Located
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.usecases.check.plan import CheckPlan

_HEADINGS: dict[Severity, str] = {"error": "Errors", "warning": "Warnings", "note": "Notes"}


@dataclass(frozen=True)
class Looked:
    """What was looked at in one family.

    Attributes:
        family: its name.
        said: in a few words, with counts.
    """

    family: str
    said: str


@dataclass(frozen=True)
class CheckResult:
    """What was found.

    Attributes:
        plan: what was asked.
        located: where the model is.
        findings: gravest first, then by family.
        looked: what was looked at, a line for each family.
    """

    command: ClassVar[str] = "check"
    plan: CheckPlan
    located: Located
    findings: tuple[Finding, ...]
    looked: tuple[Looked, ...]

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    @property
    def failure(self) -> MlxkitError | None:
        """That there are errors."""
        count = len(self.of("error"))
        if not count:
            return None
        return GateError(
            f"{self.plan.model!r} has {_counted(count, 'error')}: it is not fit to be published.",
            hint="mend what the table says, then check it again",
        )

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        counts = Counter(finding.severity for finding in self.findings)
        return {
            "model": self.plan.model,
            "repo": self.located.repo,
            "commit": self.located.commit,
            "folder": str(self.located.folder),
            "counts": {severity: counts[severity] for severity in _HEADINGS},
            "findings": [finding.data() for finding in self.findings],
            "looked_at": {looked.family: looked.said for looked in self.looked},
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = tuple(Fact(looked.family, looked.said) for looked in self.looked)
        columns = (Column("Code"), Column("Where"), Column("What is there, and what to do"))
        tables = tuple(
            Table(heading, columns, tuple(map(_row, self.of(severity))))
            for severity, heading in _HEADINGS.items()
            if self.of(severity)
        )
        counts = [
            _counted(len(self.of(severity)), severity) if self.of(severity) else f"no {severity}s"
            for severity in _HEADINGS
        ]
        said = f"{', '.join(counts)}." if self.findings else "Nothing was found."
        return Report(f"{self.plan.model}, checked", facts, tables, (Note(said[0].upper() + said[1:]),))


def _row(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.where, f"{finding.said} → {finding.kind.hint}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"
