"""Numbers from elsewhere: of what a ledger holds, anything is possible."""

import math
from typing import Any


def number(value: Any) -> float | None:
    """Return a JSON value that is a number and finite, else None.

    >>> number(0), number(True), number("3"), number(10**400)
    (0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # a whole number that no float holds
        return None
