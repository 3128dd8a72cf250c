"""What a result found, ready to be laid out: facts, tables and notes, with units and without layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from mlxkit.core.errors import MlxkitError
from mlxkit.core.estimates import Estimate

Unit: TypeAlias = Literal[
    "text", "bytes", "count", "tokens", "bits", "seconds", "tps", "share", "flag", "moment", "nats", "ratio"
]
"""How a value is to be read.

`tps` is tokens per second, `share` a share of 1, `flag` yes or no, `moment` seconds since 1970, `nats`
natural units of information per token, which a column's heading names, `ratio` a plain number.
"""

Value: TypeAlias = str | int | float | bool | Estimate | Sequence[str] | None
"""A value of a fact or a cell, with its error where it is an estimate; None reads "not measured" or "not known"."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled value."""

    label: str
    value: Value
    unit: Unit = "text"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading and how its cells are to be read."""

    heading: str
    unit: Unit = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; every row has as many cells as there are columns."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence beside the figures."""

    text: str
    level: Literal["note", "warning"] = "note"


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to read of a result, in order: facts, tables, notes."""

    title: str
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[Note, ...] = ()


class Result(Protocol):
    """What every use-case returns."""

    command: ClassVar[str]

    @property
    def failure(self) -> MlxkitError | None:
        """Why the command fails although it has something to show, or None."""

    def data(self) -> dict[str, Any]:
        """Return what the JSON envelope carries: full precision, names with units."""

    def report(self) -> Report:
        """Return what a reader sees."""
