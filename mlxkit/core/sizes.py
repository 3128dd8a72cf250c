"""Sizes as people write them."""

import re

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


def parse_size(text: str) -> int:
    """Return a size in bytes: decimal units as the Hub shows them, binary ones with an i.

    Raises:
        ValueError: it is not a positive number with a known unit.

    >>> parse_size("2.5GB"), parse_size("512 MiB")
    (2500000000, 536870912)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in _FACTORS:
        raise ValueError(f"{text!r} is not a size: expected something like 1GB or 512MiB.")
    size = int(float(match[1]) * _FACTORS[match[2].upper()])
    if size <= 0:
        raise ValueError(f"{text!r} is not a size: it must be more than nothing.")
    return size
