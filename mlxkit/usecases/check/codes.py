"""All codes, as a table."""

from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.codes import CODES
from mlxkit.core.errors import MlxkitError
from mlxkit.core.report import Column, Report, Table


@dataclass(frozen=True)
class CodesResult:
    """What can be found."""

    command: ClassVar[str] = "check"

    @property
    def failure(self) -> MlxkitError | None:
        """None: it is a list."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "codes": [
                {
                    "code": name,
                    "family": code.family,
                    "severity": code.severity,
                    "meaning": code.meaning,
                    "hint": code.hint,
                }
                for name, code in CODES.items()
            ]
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        columns = (Column("Code"), Column("Severity"), Column("Meaning"), Column("What to do"))
        rows = tuple((name, code.severity, code.meaning, code.hint) for name, code in CODES.items())
        return Report(f"{len(rows)} codes", (), (Table("What can be found", columns, rows),))


def list_codes() -> CodesResult:
    """Return every code that there is."""
    return CodesResult()
