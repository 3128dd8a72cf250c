"""Values as people read them, by their unit."""

from collections.abc import Sequence
from datetime import datetime

from mlxkit.core.report import Unit, Value

_BYTES = ("bytes", "kB", "MB", "GB", "TB")
_PATTERNS: dict[Unit, str] = {"tokens": "{:,} tokens", "bits": "{:.2f}", "tps": "{:.1f} tok/s", "nats": "{:.3g} nats"}
UNKNOWN = "not known"


def shown(value: Value, unit: Unit) -> str:
    """Return a value as text with its unit.

    >>> shown(2_263_022_592, "bytes"), shown(4.5018, "bits"), shown(None, "count"), shown(0.28125, "share")
    ('2.26 GB', '4.50', 'not known', '28.1 %')
    """
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return ", ".join(value) or "none"
    if unit == "flag":
        return "yes" if value else "no"
    return _number(value, unit)


def _number(value: float, unit: Unit) -> str:
    if unit == "bytes":
        return _size(value)
    if unit == "seconds":
        return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.0f} ms"
    if unit == "moment":
        return f"{datetime.fromtimestamp(value).astimezone():%Y-%m-%d %H:%M}"
    if unit == "share":
        return f"{100 * value:.1f} %"
    return _PATTERNS.get(unit, "{:,}").format(value)


def _size(value: float) -> str:
    power = 0
    while abs(value) >= 999.5 and power < len(_BYTES) - 1:
        value /= 1000
        power += 1
    digits = 0 if power == 0 else max(0, 3 - len(str(int(abs(value)))))
    return f"{value:.{digits}f} {_BYTES[power]}"
