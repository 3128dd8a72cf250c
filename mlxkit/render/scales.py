"""Scales of pictures: how far an axis reaches, where its ticks stand, and what they read."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlxkit.core.report import Axis

_STEPS = 7
"""How many steps a linear axis has at most."""

_MARGIN = 0.05
"""What an axis reaches beyond its values, as a share of their span."""

_NOISE = 1e-9
"""Values that differ by a smaller share are one."""

_FAR = 1e150
"""Beyond it, and below one over it, floats leave no room for margins: an axis ends there, or is at zero."""

_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_NAMES = {"tokens": "tokens", "bits": "bits", "tps": "tok/s", "nats": "nats"}
_WHOLE = ("bytes", "count", "tokens")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis with values on it.

    Attributes:
        name: its label with the unit that the ticks are in.
        low: where it begins, in the axis' own unit.
        high: where it ends.
        ticks: where they stand, in the axis' own unit, and what they read.
        is_logarithmic: whether equal ways are equal factors.
    """

    name: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    is_logarithmic: bool


def scale(axis: Axis, values: Sequence[float], *, is_height: bool = False) -> Scale:
    """Return an axis fit to values.

    Args:
        axis: what it stands for.
        values: at least one, all finite, and positive where the axis is logarithmic.
        is_height: whether a linear axis begins at zero, as long as the values then fill a third of it.

    >>> [label for _, label in scale(Axis("Size", "bytes"), [1.2e9, 4.1e9]).ticks]
    ['1.5', '2.0', '2.5', '3.0', '3.5', '4.0']
    >>> scale(Axis("KL", "nats", is_logarithmic=True), [0.003, 0.4]).ticks
    ((0.01, '0.01'), (0.1, '0.1'))
    """
    low, high = (_held(value, axis) for value in (min(values), max(values)))
    factor, unit = _unit(axis, high)
    name = f"{axis.label} ({unit})" if unit and unit not in axis.label.lower().split() else axis.label
    if axis.is_logarithmic:
        low, high = _widened_by_factors(low, high)
        return Scale(name, low, high, _factors(axis, low, high, factor), is_logarithmic=True)
    low, high = _widened(low, high, is_height=is_height)
    floor = max(low, 0.0) if min(values) >= 0 else low
    return Scale(name, low, high, _steps(axis, floor, high, factor), is_logarithmic=False)


def _held(value: float, axis: Axis) -> float:
    """Return a value that there is room for margins around."""
    if axis.is_logarithmic:
        return min(max(value, 1 / _FAR), _FAR)
    return min(max(value, -_FAR), _FAR) if abs(value) > 1 / _FAR else 0.0


def _unit(axis: Axis, high: float) -> tuple[float, str]:
    """What one of the unit that the ticks read is, in the axis' own unit, and its name."""
    if axis.unit == "share":
        return 0.01, "%"
    if axis.unit in ("bytes", "seconds"):
        units = _SIZES if axis.unit == "bytes" else _TIMES
        return next((one for one in units if high >= one[0]), units[-1])
    return 1.0, _NAMES.get(axis.unit, "")


def _widened(low: float, high: float, *, is_height: bool) -> tuple[float, float]:
    is_one = high - low <= _NOISE * max(abs(low), abs(high))
    if is_height and low >= 0 and (is_one or high - low >= high / 3):
        return 0.0, high * (1 + _MARGIN) or 1.0
    if is_one:
        reach = 0.45 * abs(low) or 1.0
        return low - reach, high + reach
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def _widened_by_factors(low: float, high: float) -> tuple[float, float]:
    margin = (high / low) ** _MARGIN if high > low else 2.0
    return low / margin, high * margin


def _steps(axis: Axis, low: float, high: float, factor: float) -> tuple[tuple[float, str], ...]:
    """Ticks at equal steps: of 1, 2, 2.5 or 5 times a power of ten, for tokens of a power of two."""
    raw = (high - low) / factor / _STEPS
    is_whole = axis.unit in _WHOLE and factor == 1
    raw = max(raw, 1.0) if is_whole else raw
    if axis.unit == "tokens":
        step, digits = 2.0 ** math.ceil(math.log2(raw)), 0
    else:
        power = math.floor(math.log10(raw))
        multiples = (1, 2, 5, 10) if is_whole else (1, 2, 2.5, 5, 10)
        multiple = next(one for one in multiples if one * 10.0**power >= raw * (1 - _NOISE))
        step, digits = multiple * 10.0**power, max(0, (multiple == 2.5) - power - (multiple == 10))
    size, reach = step * factor, 1e-6 * (high - low)
    ticks = ((n * size, _number(n * step, digits)) for n in range(math.floor(low / size), math.ceil(high / size) + 1))
    return tuple(tick for tick in ticks if low - reach <= tick[0] <= high + reach)


def _factors(axis: Axis, low: float, high: float, factor: float) -> tuple[tuple[float, str], ...]:
    """Ticks at equal factors; where too few fall on the axis, at equal steps."""
    if axis.unit == "tokens":
        ticks = [2.0**power for power in _powers(low, high, 2)]
    else:
        bounds = low / factor, high / factor
        ticks = [10.0**power for power in _powers(*bounds, 10)]
        if len(ticks) < 2 or bounds[1] / bounds[0] < 30:
            finer = (m * 10.0**power for power in _all_powers(bounds[0] / 10, bounds[1], 10) for m in (1, 2, 5))
            ticks = [tick for tick in finer if bounds[0] <= tick <= bounds[1]]
    if len(ticks) < 2:
        return tuple(tick for tick in _steps(axis, low, high, factor) if tick[0] > 0)
    are_plain = min(ticks) >= 1e-4 and max(ticks) < 1e7
    return tuple((tick * factor, f"{tick:,.12g}" if are_plain else _power(tick)) for tick in ticks)


def _powers(low: float, high: float, base: int) -> Iterator[int]:
    powers = list(_all_powers(low, high, base))
    return iter(powers[:: math.ceil(len(powers) / 8) or 1])


def _all_powers(low: float, high: float, base: int) -> range:
    return range(math.ceil(math.log(low, base) - _NOISE), math.floor(math.log(high, base) + _NOISE) + 1)


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _power(value: float) -> str:
    """A number as a power of ten.

    >>> _power(1e-5), _power(2e-05)
    ('10⁻⁵', '2×10⁻⁵')
    """
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return power if mantissa == "1" else f"{mantissa}×{power}"
