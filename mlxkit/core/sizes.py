"""Sizes as people write and read them."""

import math
import re
from decimal import Decimal

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_FACTORS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}


_TOO_MUCH, _LONGEST = 2**63, 40


def parse_size(text: str) -> int:
    """Return a size in bytes: decimal units as the Hub shows them, binary ones with an i.

    Raises:
        ValueError: it is not a positive number below 2^63 bytes with a known unit.

    >>> parse_size("2.5GB"), parse_size("512 MiB")
    (2500000000, 536870912)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in _FACTORS:
        raise ValueError(f"{text!r} is not a size: expected something like 1GB or 512MiB.")
    size = int(Decimal(match[1]) * _FACTORS[match[2].upper()])
    if size <= 0:
        raise ValueError(f"{text!r} is not a size: it must be more than nothing.")
    if size >= _TOO_MUCH:
        raise ValueError(f"{text[:_LONGEST]!r} is not a size: no disk holds that much.")
    return size


def size_text(size_bytes: float) -> str:
    """Return a size as people read it, in three digits.

    >>> size_text(2_263_022_592), size_text(999_499), size_text(999_500), size_text(12)
    ('2.26 GB', '999 kB', '1.00 MB', '12 bytes')
    """
    power = 0
    while abs(size_bytes) >= 999.5 and power < len(_UNITS) - 1:
        size_bytes /= 1000
        power += 1
    digits = 0 if power == 0 else max(0, 3 - len(str(int(abs(size_bytes)))))
    return f"{size_bytes:.{digits}f} {_UNITS[power]}"


def enough(size_bytes: int) -> str:
    """Return a size that is no smaller, in three digits, as `parse_size` reads it.

    >>> enough(560_123), enough(2_263_022_592), enough(999_999)
    ('561kB', '2.27GB', '1.00MB')
    """
    step = 10 ** max(0, len(str(size_bytes)) - 3)
    return size_text(math.ceil(size_bytes / step) * step).replace(" ", "").removesuffix("bytes")
