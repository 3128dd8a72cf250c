"""Reports as text for a terminal."""

from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mlxkit.core.report import Fact, Note, Report, Table
from mlxkit.core.wording import printable
from mlxkit.render.quantities import UNKNOWN, in_column, shown

_LEFT = ("text", "flag", "moment")


def render_text(report: Report, *, width: int | None, color: bool) -> str:
    """Return a report laid out for a terminal.

    Args:
        report: what to show.
        width: columns; None for a file or a pipe, where nothing is wrapped or cut.
        color: whether to use it.
    """
    out = StringIO()
    console = Console(
        file=out, width=width or 10_000, force_terminal=color, no_color=not color, highlight=False, legacy_windows=False
    )
    console.print(Text(printable(report.title), style="bold"))
    if report.facts:
        console.print(_facts(report.facts))
    for table in report.tables:
        console.print()
        console.print(Text(table.title, style="bold"))
        console.print(_table(table))
    if report.notes:
        console.print()
    for note in report.notes:
        console.print(_note(note), soft_wrap=width is None)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _facts(facts: tuple[Fact, ...]) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for fact in facts:
        value = printable(shown(fact.value, fact.unit))
        grid.add_row(Text(f"  {fact.label}"), Text(value, style="dim" if value == UNKNOWN else ""))
    return grid


def _table(table: Table) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    for column in table.columns:
        grid.add_column(column.heading, justify="left" if column.unit in _LEFT else "right", overflow="fold")
    for row in table.rows:
        grid.add_row(
            *(Text(printable(in_column(cell, column.unit))) for cell, column in zip(row, table.columns, strict=True))
        )
    return grid


def _note(note: Note) -> Text:
    style = {"warning": "yellow", "note": "dim"}[note.level]
    return Text.assemble((f"{note.level.capitalize()}: ", style), printable(note.text))
