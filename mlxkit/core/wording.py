"""Wording that messages share."""

from collections.abc import Sequence

_SHOWN = 5


def few(names: Sequence[str]) -> str:
    """Return the first five names, and how many there are when there are more.

    >>> few(["a", "b"]), few(list("abcdefg"))
    ('a, b', 'a, b, c, d, e, ... (7 in all)')
    """
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, ... ({len(names)} in all)"
