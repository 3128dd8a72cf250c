"""Reports as Markdown."""

import re
from collections.abc import Iterable, Iterator

from mlxkit.core.report import Report, Table
from mlxkit.render.quantities import in_column, shown

_LEFT = ("text", "flag", "moment")


def render_markdown(report: Report) -> str:
    """Return a report as GitHub's Markdown."""
    return "\n".join(_lines(report)).rstrip()


def _lines(report: Report) -> Iterator[str]:
    yield from (f"## {_plain(report.title)}", "")
    if report.facts:
        yield from ("| | |", "| --- | --- |")
        yield from (_row((fact.label.strip(), shown(fact.value, fact.unit))) for fact in report.facts)
        yield ""
    for table in report.tables:
        yield from (f"### {_plain(table.title)}", "")
        yield from _table(table)
        yield ""
    yield from (f"- {note.level.capitalize()}: {_plain(note.text)}" for note in report.notes)


def _table(table: Table) -> Iterator[str]:
    yield _row(column.heading for column in table.columns)
    yield _row(("---" if column.unit in _LEFT else "---:") for column in table.columns)
    for row in table.rows:
        yield _row(in_column(cell, column.unit) for cell, column in zip(row, table.columns, strict=True))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text.replace("\\", "\\\\").replace("|", "\\|"))
