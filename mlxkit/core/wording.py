"""Wording that messages share."""

from collections.abc import Sequence

_SHOWN = 5
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
