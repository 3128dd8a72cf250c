"""Text in Markdown: what comes from elsewhere is escaped, and read back as it was."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from mlxkit.core.cards.figures import NOT_MEASURED, Figure, Grid

MEASUREMENT = "Measurement"
"""The heading of a table's last column, where each row names its measurement."""

_MARKS = re.compile(r"([\\`*_\[\]|~$#])")
_LEADING = re.compile(r"^([-+])(?=\s|$|[-+])|^(=)|^(\d{1,9})([.)])(?=\s|$)")
_CELL = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_ID = re.compile(r"[0-9a-f]{12,64}")


class Raw(str):
    """Text that is Markdown already."""

    __slots__ = ()


def escaped(text: object) -> str:
    r"""Return text that reads as it is: none of its characters means anything to Markdown, HTML or a table.

    >>> print(escaped("a|b <i> `c` [d]"))
    a\|b &lt;i&gt; \`c\` \[d\]
    """
    if isinstance(text, Raw):
        return text
    said = " ".join(str(text).split())
    said = html.escape(said, quote=False)
    said = _MARKS.sub(r"\\\1", said)
    return _LEADING.sub(lambda found: f"{found[3] or ''}\\{found[1] or found[2] or found[4]}", said)


def code(text: str) -> Raw:
    """Return text as code, where code can say it, else escaped."""
    said = " ".join(text.split())
    return Raw(escaped(said) if not said or "`" in said or "|" in said else f"`{said}`")


def table(grid: Grid) -> Raw:
    """Return a table; where rows have measurements, the last column names them. Without rows: "not measured"."""
    if not grid.rows:
        return Raw(f"{NOT_MEASURED.capitalize()}.")
    is_measured = any(row.measurement_id for row in grid.rows)
    headings = (*grid.words, *grid.headings, *((MEASUREMENT,) if is_measured else ()))
    sides = ("---",) * len(grid.words) + ("---:",) * len(grid.headings) + ("---",) * is_measured
    lines = [_line(headings), f"| {' | '.join(sides)} |"]
    for row in grid.rows:
        last = (short(row.measurement_id),) if is_measured else ()
        lines.append(_line((*row.words, *(figure.text for figure in row.figures), *last)))
    return Raw("\n".join(lines))


def items(found: tuple[tuple[str, Figure | str], ...]) -> Raw:
    """Return labels with what stands beside them, as a table without headings."""
    rows = [_line((label, said.text if isinstance(said, Figure) else said)) for label, said in found]
    return Raw("\n".join(("| | |", "| --- | --- |", *rows)))


def short(measurement_id: str | None) -> str:
    """Return the beginning of an id as code, as much as `mlxkit ledger show` needs."""
    return code(measurement_id[:12]) if measurement_id else ""


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"


@dataclass(frozen=True, slots=True)
class Read:
    """A cell of a card that was read back.

    Attributes:
        section: the heading above its table; ``model-index`` for the front matter.
        row: the first cell of its row.
        column: the heading of its column.
        text: what it says.
        measurement_id: the beginning of the measurement's id that stands in its row; None where there is none.
    """

    section: str
    row: str
    column: str
    text: str
    measurement_id: str | None


def cells(body: str) -> Iterator[Read]:
    """Yield the cells of all tables of a card but each row's first and its measurement."""
    section = ""
    headings: tuple[str, ...] = ()
    lines = [*body.split("\n"), ""]
    for said, following in pairwise(lines):
        if said.startswith("#"):
            section = plain(said.lstrip("# "))
        if not said.startswith("| "):
            headings = ()
            continue
        row = _split(said)
        if not headings:
            headings = row if following.startswith("| --") else ()
        elif not set(said) <= set("|-: "):
            yield from _of_row(section, headings, row)


def _of_row(section: str, headings: tuple[str, ...], row: tuple[str, ...]) -> Iterator[Read]:
    pairs = list(zip(headings, row, strict=True))
    found = row[-1] if headings[-1] == MEASUREMENT and _ID.fullmatch(row[-1]) else None
    for heading, text in pairs[1:]:
        if heading != MEASUREMENT:
            yield Read(section, row[0], heading, text, found)


def _split(said: str) -> tuple[str, ...]:
    marked = _CELL.sub("\\1\0", said.strip())
    return tuple(plain(cell.strip()) for cell in marked.split("\0")[1:-1])


def plain(text: str) -> str:
    """Return what escaped text, or code, says."""
    if len(text) > 1 and text[0] == text[-1] == "`":
        return text[1:-1]
    return html.unescape(_ESCAPED.sub(r"\1", text))
