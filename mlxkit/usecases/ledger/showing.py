"""One measurement, with all that it says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.exchange import exported
from mlxkit.core.measurement import Measurement, canonical
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.core.sizes import size_text
from mlxkit.engines import ledger
from mlxkit.usecases.ledger.figures import given, headline

_LONGEST = 100
_FEW = 8


@dataclass(frozen=True)
class ShowPlan:
    """Which measurement: the beginning of its id."""

    id: str


@dataclass(frozen=True)
class ShowResult:
    """A measurement."""

    command: ClassVar[str] = "ledger"
    plan: ShowPlan
    measurement: Measurement

    @property
    def failure(self) -> MlxkitError | None:
        """None: what is not there is an error."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {"verb": "show", "measurement": exported(self.measurement)}

    def report(self) -> Report:
        """Return what a reader sees."""
        one = self.measurement
        facts = (
            Fact("Id", one.id),
            Fact("Kind", one.kind),
            Fact("Model", one.subject.name),
            Fact("  digest", one.subject.digest),
            *((Fact("  repo", one.subject.repo),) if one.subject.repo else ()),
            *((Fact("  commit", one.subject.commit),) if one.subject.commit else ()),
            Fact("Taken", f"{datetime.fromtimestamp(one.taken_at, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"),
            Fact("Ran to its end", one.is_complete, "flag"),
        )
        parts = {
            "Figures": one.summary,
            "Workload": one.workload,
            "Machine": one.machine,
            "Versions": one.versions,
            "Raw values": one.raw,
        }
        tables = tuple(_table(title, content) for title, content in parts.items() if content)
        is_cut = any(cell.endswith(_CUT) for table in tables for _, cell in table.rows if isinstance(cell, str))
        notes = (Note(f"`mlxkit ledger show {one.short_id} --json` has all values."),) if is_cut else ()
        return Report(one.subject.name, facts, tables, notes)


def show_measurement(plan: ShowPlan) -> ShowResult:
    """Return one measurement of the ledger.

    Raises:
        NotFoundError: there is none whose id begins so.
        PlanError: there are several.
        IntegrityError: the file is no ledger, one of a newer mlxkit, or the measurement was changed.
        MlxkitError: it cannot be opened, or another process does not let go of it.
    """
    return ShowResult(plan, ledger.get(plan.id))


def completions(prefix: str) -> tuple[tuple[str, str], ...]:
    """Return the ids that begin so, each with words on what it is, for a shell; none when the ledger is of no use."""
    try:
        found = ledger.find()
    except MlxkitError:
        return ()
    return tuple(
        (one.short_id, f"{one.subject.name}, {given(one)}: {headline(one)}")
        for one in reversed(found)
        if one.id.startswith(prefix)
    )


_CUT = " …"


def _table(title: str, content: Mapping[str, Any]) -> Table:
    return Table(title, (Column("Name"), Column("Value")), tuple(_rows("", content)))


def _rows(above: str, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _rows(f"{above}{key}.", value)
        else:
            yield f"{above}{key}", _value(key, value)


def _value(key: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and key.endswith("_bytes"):
        return size_text(value)
    if isinstance(value, list) and len(value) > _FEW:
        return f"{', '.join(_plain(entry) for entry in value[:_FEW])[:_LONGEST]}, {len(value):,} in all{_CUT}"
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}{_CUT}"
