"""Wording that messages share."""

import math
import reprlib
from collections.abc import Sequence
from typing import Any

_SHOWN = 5
_DIGITS = 7
_CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {ord("\n"), ord("\t")}, "\N{REPLACEMENT CHARACTER}")


def few(names: Sequence[str]) -> str:
    """Return the first five names, and how many there are when there are more.

    >>> few(["a", "b"]), few(list("abcdefg"))
    ('a, b', 'a, b, c, d, e, ... (7 in all)')
    """
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, ... ({len(names)} in all)"


def printable(text: str) -> str:
    r"""Return text that a terminal can be given: what a checkpoint says must not move the cursor or set the title.

    >>> printable("a\x1b[2Jb") == "a\N{REPLACEMENT CHARACTER}[2Jb"
    True
    """
    return text.translate(_CONTROLS)


def with_error(value: float, se: float | None) -> str:
    """Return a value with its standard error: as many digits as the error has meaning.

    >>> with_error(0.0123456, 0.00047), with_error(12.3456, 1.7), with_error(2e-9, 3.1e-10), with_error(0.5, None)
    ('0.01235 ± 0.00047', '12.3 ± 1.7', '2.00e-09 ± 3.1e-10', '0.5')
    """
    if not se or not math.isfinite(se):
        return f"{value:.4g}"
    digits = 1 - math.floor(math.log10(se))
    if digits > _DIGITS:
        exponent = math.floor(math.log10(abs(value) or se))
        return f"{value:.{max(0, digits + exponent)}e} ± {se:.1e}"
    digits = max(0, digits)
    return f"{value:.{digits}f} ± {se:.{digits}f}"


def shown(value: Any) -> str:
    """Return a value as a sentence can hold it: short, however deep or long it is.

    >>> shown([[[[[[[1]]]]]]]), shown("x")
    ('[[[[[[...]]]]]]', "'x'")
    """
    try:
        return reprlib.repr(value)
    except ValueError:  # Python writes no number of more than some thousand digits
        return "that number"


def duration_text(seconds: float) -> str:
    """Return a time as people say it, in its largest unit.

    >>> duration_text(0.2), duration_text(42.4), duration_text(200), duration_text(10_000), duration_text(400_000)
    ('1 s', '42 s', '3 min', '2.8 h', '4.6 days')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 60 * 60:
        return f"{round(seconds / 60)} min"
    days = seconds / (24 * 60 * 60)
    return f"{24 * days:.1f} h" if days < 2 else f"{days:.1f} days"
