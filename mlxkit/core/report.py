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
    """What there is to read of a result, in order: facts, tables, notes. The first table is the main one."""

    title: str
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """What a direction of a picture stands for, and the unit of its values, which is shown beside the label."""

    label: str
    unit: Unit
    is_logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together, joined by a line in their order.

    Attributes:
        label: what they are of.
        points: x and y, each in the unit of its axis.
        errors: half the length of each point's error bar, in y's unit; None for a point without one.
        is_limit: they are what the series before it is held against, not what was measured.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    errors: tuple[float | None, ...] | None = None
    is_limit: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A height that points are held against, such as what the memory allows at most."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class Upright:
    """A place along x that points are held against, such as the largest weights that a device has room for."""

    label: str
    x: float


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to see of a result.

    Attributes:
        title: what the picture shows.
        x: the axis to the right.
        y: the axis upwards.
        series: what was measured.
        lines: what it is held against.
        note: under which conditions, and what the error bars are.
        uprights: what it is held against along x.
    """

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    lines: tuple[Line, ...] = ()
    note: str = ""
    uprights: tuple[Upright, ...] = ()


class Drawable(Protocol):
    """A result that can be drawn."""

    def picture(self) -> Picture:
        """Return what a reader sees."""


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
