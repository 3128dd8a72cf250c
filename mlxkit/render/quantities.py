"""Values as people read them, by their unit."""

from collections.abc import Sequence
from datetime import datetime

from mlxkit.core.estimates import Estimate
from mlxkit.core.report import Unit, Value
from mlxkit.core.sizes import size_text
from mlxkit.core.wording import with_error

_PATTERNS: dict[Unit, str] = {
    "tokens": "{:,} tokens",
    "bits": "{:.2f}",
    "tps": "{:.1f} tok/s",
    "nats": "{:.3g} nats",
    "ratio": "{:.4g}",
}
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
    if isinstance(value, Estimate):
        return _estimate(value, unit)
    if isinstance(value, Sequence):
        return ", ".join(value) or "none"
    if unit == "flag":
        return "yes" if value else "no"
    return _number(value, unit)


def _estimate(estimate: Estimate, unit: Unit) -> str:
    if unit == "share":
        percent = estimate.times(100)
        return f"{with_error(percent.value, percent.se)} %"
    return with_error(estimate.value, estimate.se) + (" nats" if unit == "nats" else "")


def in_column(value: Value, unit: Unit) -> str:
    """Return a value as text for a column whose heading names its unit.

    >>> in_column(0.00123, "nats"), in_column(4.5, "bits")
    ('0.00123', '4.50')
    """
    return shown(value, unit).removesuffix(" nats")


def _number(value: float, unit: Unit) -> str:
    if unit == "bytes":
        return size_text(value)
    if unit == "seconds":
        return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.0f} ms"
    if unit == "moment":
        return f"{datetime.fromtimestamp(value).astimezone():%Y-%m-%d %H:%M}"
    if unit == "share":
        return f"{100 * value:.1f} %"
    return _PATTERNS.get(unit, "{:,}").format(value)
