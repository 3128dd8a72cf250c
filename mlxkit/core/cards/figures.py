"""Figures of a card: each knows the measurement that it is from, and reads "not measured" where there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.measurement import Measurement
from mlxkit.core.numbers import number
from mlxkit.core.report import Unit
from mlxkit.core.sizes import size_text
from mlxkit.core.wording import printable, with_error

NOT_MEASURED = "not measured"
NOT_KNOWN = "not known"

_WHOLE = 10**15
"""Beyond it a number is written with an exponent: nobody counts that many digits."""

_SMALL = 1e-9
"""A share of its value below which an error would cost more digits than anybody reads."""

_LONGEST = 200
"""Characters of a name or a sentence from elsewhere."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a card.

    Attributes:
        value: full precision, in its unit; None where there is none.
        unit: as in `core.report.Unit`.
        text: as it is read, its error included.
        measurement_id: of the measurement whose summary holds it; None for a fact of the weights or a prediction.
        key: what that summary calls it; of a task of lm-evaluation-harness with its number, such as
            ``figures.0.value``. Empty for a fact.
    """

    value: float | None
    unit: Unit
    text: str
    measurement_id: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        words: what it is of.
        figures: what was found.
        measurement_id: where all its figures are from; None for facts and predictions.
    """

    words: tuple[str, ...]
    figures: tuple[Figure, ...]
    measurement_id: str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: headings of words, then of figures; every row has as many of both."""

    words: tuple[str, ...]
    headings: tuple[str, ...]
    rows: tuple[Row, ...] = ()


def written(value: float, unit: Unit, se: float | None = None) -> str:
    """Return a number as it is read.

    Args:
        value: finite.
        unit: its unit; what a heading names (``tps``, ``nats``, ``bits``) is not repeated.
        se: its standard error.

    >>> written(0.0341, "nats", 0.0012), written(0.9312, "share", 0.004), written(12.3456, "tps")
    ('0.0341 ± 0.0012', '93.12 ± 0.40 %', '12.35')
    >>> written(0.0042, "seconds"), written(61.5, "seconds"), written(40960, "tokens"), written(1e300, "bytes")
    ('4.2 ms', '61.5 s', '40,960', '1e+300 bytes')
    """
    if unit == "bytes":
        return size_text(value) if abs(value) < _WHOLE * 1000 else f"{_plain(value)} bytes"
    if unit == "share":
        return f"{_with_error(100 * value, 100 * se) if se else _plain(100 * value)} %"
    if unit == "seconds":
        return f"{_plain(value)} s" if abs(value) >= 1 else f"{_plain(1000 * value)} ms"
    return _with_error(value, se) if se else _plain(value)


def _with_error(value: float, se: float) -> str:
    if max(abs(value), se) >= _WHOLE or se < _SMALL * abs(value):
        return f"{value:.4g} ± {se:.2g}"
    return with_error(value, se)


def _plain(value: float) -> str:
    if abs(value) < _WHOLE and (value == int(value) or abs(value) >= 999.95):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def measured(found: Measurement, key: str, unit: Unit) -> Figure:
    """Return a figure of a measurement, with its standard error if it has one."""
    return figured(found, found.summary, key, unit)


def figured(
    found: Measurement, summary: Mapping[str, Any], key: str, unit: Unit, *, under: str = "", error: str = ""
) -> Figure:
    """Return a figure of a part of a measurement's summary.

    Args:
        found: the measurement.
        summary: the part.
        key: what it calls the figure.
        unit: the figure's.
        under: what stands before the key, where the part is not all of it.
        error: what it calls the standard error; without it, the key and ``_se``.
    """
    value, se = number(summary.get(key)), number(summary.get(error or f"{key}_se"))
    if value is None:
        return absent(unit)
    return Figure(value, unit, written(value, unit, se if se and se > 0 else None), found.id, f"{under}{key}")


def absent(unit: Unit) -> Figure:
    """Return the figure that nobody measured."""
    return Figure(None, unit, NOT_MEASURED)


def fact(value: float | None, unit: Unit) -> Figure:
    """Return a figure that the weights themselves tell, or a prediction: nothing was measured for it."""
    found = number(value)
    return Figure(found, unit, NOT_KNOWN if found is None else written(found, unit))


def line(text: Any) -> str:
    r"""Return text from elsewhere as one line of what can be printed; empty for what is no text.

    >>> line("a\n\n---\tb"), line(None)
    ('a --- b', '')
    """
    if not isinstance(text, str):
        return ""
    sound = printable(text).encode("utf-8", "replace").decode()
    found = " ".join(sound.replace("\ufeff", "").split())
    return found if len(found) <= _LONGEST else f"{found[: _LONGEST - 2]} …"


def last_part(name: Any) -> str:
    """Return the last part of a path: where a folder lies on someone's disk is nobody's business.

    >>> last_part("~/secret/model-4bit/"), last_part("tiny")
    ('model-4bit', 'tiny')
    """
    return line(name).replace("\\", "/").rstrip("/").rpartition("/")[2]
