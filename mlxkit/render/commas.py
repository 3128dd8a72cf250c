"""Reports as CSV: the main table, for programs that compute with it."""

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO

from mlxkit.core.estimates import Estimate
from mlxkit.core.report import Column, Report, Table, Unit, Value
from mlxkit.core.wording import printable

_UNITS: dict[Unit, str] = {
    "bytes": "bytes",
    "tokens": "tokens",
    "bits": "bits",
    "seconds": "s",
    "tps": "tok/s",
    "share": "share of 1",
    "nats": "nats",
    "moment": "UTC",
}


def render_csv(report: Report) -> str:
    """Return the first table of a report as CSV: a line of headings, then one for each row.

    Tables of different columns in one file are no CSV that a program reads, so that the other tables, the facts and the
    notes are left to JSON. A report without tables is one row of its facts. Numbers have their full precision and stand
    in the unit that the heading names; what is not known, or not finite, is empty. A column that holds an estimate is
    followed by one of its standard error.
    """
    table = report.tables[0] if report.tables else _facts(report)
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerows(_lines(table))
    return out.getvalue().removesuffix("\n")


def _facts(report: Report) -> Table:
    columns = tuple(Column(fact.label.strip(), fact.unit) for fact in report.facts)
    return Table(report.title, columns, (tuple(fact.value for fact in report.facts),) if columns else ())


def _lines(table: Table) -> Iterator[list[str]]:
    estimated = [any(isinstance(row[i], Estimate) for row in table.rows) for i in range(len(table.columns))]
    if table.columns:
        yield [
            heading
            for column, has_error in zip(table.columns, estimated, strict=True)
            for heading in _headings(column, has_error=has_error)
        ]
    for row in table.rows:
        yield [
            cell
            for value, column, has_error in zip(row, table.columns, estimated, strict=True)
            for cell in _cells(value, column.unit, has_error=has_error)
        ]


def _headings(column: Column, *, has_error: bool) -> Iterator[str]:
    unit = f" ({_UNITS[column.unit]})" if column.unit in _UNITS else ""
    heading = printable(column.heading).removesuffix(unit)
    yield heading + unit
    if has_error:
        yield f"{heading}, standard error{unit}"


def _cells(value: Value, unit: Unit, *, has_error: bool) -> Iterator[str]:
    yield _cell(value.value if isinstance(value, Estimate) else value, unit)
    if has_error:
        yield _cell(value.se if isinstance(value, Estimate) else None, unit)


def _cell(value: str | float | Sequence[str] | None, unit: Unit) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Sequence):
        return "; ".join(printable(one) for one in value)
    if unit == "flag":
        return "true" if value else "false"
    if not math.isfinite(value):
        return ""
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M:%SZ}" if unit == "moment" else repr(value)
