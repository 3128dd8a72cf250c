"""How long a build's steps will take, by what alike ones took: time goes with the weights, and with their use."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Effort:
    """Work that a step has to do.

    Attributes:
        kind: what work; only that of one kind is compared.
        units: how much of it; twice as many are expected to take twice as long.
        seconds: what it took; None where it is still to be done.
    """

    kind: str
    units: float
    seconds: float | None = None


def expected(wanted: Iterable[Effort], taken: Iterable[Effort]) -> tuple[float, tuple[str, ...]]:
    """Return about how many seconds efforts will take, and the kinds of which that is not known, which are left out.

    A kind takes the median of its seconds for each unit.

    Args:
        wanted: what is to be done.
        taken: what was done on this machine.

    >>> expected([Effort("a", 10), Effort("b", 1)], [Effort("a", 2, 6.0), Effort("a", 1, 5.0), Effort("a", 4, 4.0)])
    (30.0, ('b',))
    """
    rates: dict[str, list[float]] = {}
    for one in taken:
        if one.seconds is not None and one.units > 0:
            rates.setdefault(one.kind, []).append(one.seconds / one.units)
    seconds, unknown = 0.0, dict[str, None]()
    for one in wanted:
        if one.kind in rates:
            seconds += median(rates[one.kind]) * one.units
        else:
            unknown[one.kind] = None
    return seconds, tuple(unknown)
