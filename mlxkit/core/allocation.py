"""Which option each unit gets under a budget of bytes.

Predicted losses add up, so this is a multiple-choice knapsack: one option per unit, the sum of bytes within the budget,
the sum of losses least. It is solved exactly wherever that takes little work:

1. The steps along the lower convex hull of each unit's (bytes, loss), taken by loss saved per byte until one does not
   fit, lead to the optimum for a price of a byte: no choice has a smaller sum(loss) + price * sum(bytes).
2. From there a dynamic program over the units keeps the sums (bytes, loss) that no other one dominates and that may
   still beat the best choice known. Any price bounds what the remaining units can add, so most sums fall at once.

After Pisinger, "A minimal algorithm for the multiple-choice knapsack problem" (European Journal of Operational Research
83, 1995). Bounding by several prices, and narrow rounds before the wide one, are ours.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from mlxkit.core.errors import DoesNotFitError, PlanError
from mlxkit.core.schemes import Scheme


@dataclass(frozen=True, slots=True)
class Option:
    """One way to store a unit.

    Attributes:
        scheme: how it is quantized, None for unquantized.
        size_bytes: stored bytes, scales and biases included.
        loss_nats: predicted KL divergence per token, finite and not negative.
    """

    scheme: Scheme | None
    size_bytes: int
    loss_nats: float

    def __post_init__(self) -> None:
        if self.size_bytes < 0 or not (math.isfinite(self.loss_nats) and self.loss_nats >= 0):
            raise ValueError(f"{self} is no option: bytes and loss must be finite and not negative.")


@dataclass(frozen=True)
class Allocation:
    """One option for each unit.

    Attributes:
        choices: unit path to its option.
        size_bytes: sum over the choices.
        loss_nats: sum over the choices.
    """

    choices: Mapping[str, Option]
    size_bytes: int
    loss_nats: float


def undominated(options: Iterable[Option]) -> tuple[Option, ...]:
    """Return the options that no other one equals or beats in both bytes and loss, smaller first.

    Losses fall strictly along the result. Of options that agree in both, unquantized comes before quantized, and
    schemes come in their own order.

    >>> options = [Option(None, 9, 0.0), Option(None, 5, 0.2), Option(None, 7, 0.3)]
    >>> [option.size_bytes for option in undominated(options)]
    [5, 9]
    """
    kept: list[Option] = []
    for option in sorted(options, key=lambda one: (one.size_bytes, one.loss_nats, [one.scheme] if one.scheme else [])):
        if not kept or option.loss_nats < kept[-1].loss_nats:
            kept.append(option)
    return tuple(kept)


def rescaled(options: Mapping[str, Sequence[Option]], factors: Mapping[str, float]) -> Mapping[str, tuple[Option, ...]]:
    """Return the options with the losses of each unit multiplied by its factor.

    Args:
        options: unit path to what it can be.
        factors: unit path to factor, finite and not negative; a unit without one keeps its losses.

    Raises:
        ValueError: a factor makes a loss negative or infinite.
    """
    return {
        path: tuple(replace(option, loss_nats=factors.get(path, 1.0) * option.loss_nats) for option in offered)
        for path, offered in options.items()
    }


def allocate(options: Mapping[str, Sequence[Option]], budget_bytes: int) -> Allocation:
    """Return the choice of one option per unit with the least sum of losses within a budget.

    It is the optimum, so that more bytes never give more loss, unless the search outgrows its bounds, as it may for
    thousands of units whose sizes share no divisor; then it is the best that was found, never worse than hull steps
    taken greedily. It depends neither on the order of the units nor on that of their options.

    Args:
        options: unit path to what it can be, at least one option each; losses need not fall with bytes.
        budget_bytes: upper bound of the sum of bytes.

    Raises:
        PlanError: a unit has no option.
        DoesNotFitError: the smallest options together take more than the budget.

    >>> units = {"a": [Option(None, 2, 0.5), Option(None, 4, 0.1)], "b": [Option(None, 2, 0.9), Option(None, 5, 0.2)]}
    >>> [allocate(units, budget).size_bytes for budget in (4, 6, 7, 9)]
    [4, 6, 7, 9]
    """
    ladders = {path: undominated(options[path]) for path in sorted(options)}
    for path, ladder in ladders.items():
        if not ladder:
            raise PlanError(f"Unit {path!r} has no option to choose from.", hint="offer more schemes")
    smallest = sum(ladder[0].size_bytes for ladder in ladders.values())
    if smallest > budget_bytes:
        raise DoesNotFitError(
            f"The smallest choice for all units takes {smallest} bytes, and the budget is {budget_bytes} bytes.",
            hint="allow more bytes, or offer smaller schemes",
        )
    picks = _picks(tuple(ladders.values()), budget_bytes - smallest)
    chosen = {path: ladder[pick] for (path, ladder), pick in zip(ladders.items(), picks, strict=True)}
    return Allocation(
        choices={path: chosen[path] for path in options},
        size_bytes=sum(option.size_bytes for option in chosen.values()),
        # Rounded once, so the sum is that of no particular order.
        loss_nats=math.fsum(option.loss_nats for option in chosen.values()),
    )


_WIDTHS = (64, 512, 4096)
"""Sums kept from unit to unit, round by round: what a narrow, cheap round finds tightens the bounds of the next."""

_WORK = 300_000
"""Sums formed in one round at most: about half a second of it."""

_PRICES = (1.0, 0.9, 1.1, 0.6, 1.6)
"""Prices of a byte to bound by, as shares of the one at which the climb stops. That one alone is loose as soon as a
large unit, such as an embedding, takes another option: the others then meet the budget at another price."""


class _Step(NamedTuple):
    """From one corner of a unit's lower convex hull to the next; start and end index its options."""

    saved_per_byte: float
    unit: int
    start: int
    end: int
    size_bytes: int
    saved_nats: float


class _Change(NamedTuple):
    """A unit taken from where it stands to another of its options; bytes and loss are what that adds, of any sign."""

    size_bytes: int
    loss_nats: float
    unit: int
    option: int


_Trail: TypeAlias = "tuple[_Trail, _Change] | None"
_Sum: TypeAlias = tuple[int, float, _Trail]
"""Bytes and loss added by some changes, and which ones: a plain tuple, as they are made by the hundred thousand."""


def _picks(ladders: Sequence[tuple[Option, ...]], spare_bytes: int) -> list[int]:
    """Return the index of each unit's option, given the bytes to spare beyond the smallest ones."""
    divisor = math.gcd(*(option.size_bytes - ladder[0].size_bytes for ladder in ladders for option in ladder))
    # Sums are multiples of the divisor: what is beyond the last one cannot be spent, and would loosen every bound.
    spare_bytes -= spare_bytes % divisor if divisor else 0
    steps = sorted(_hull_steps(ladders), key=lambda step: (-step.saved_per_byte, step.unit, step.end))
    taken = bisect_right(list(accumulate(step.size_bytes for step in steps)), spare_bytes)
    standing, spare_bytes, _ = _take([0] * len(ladders), steps[:taken], spare_bytes)
    if taken == len(steps):
        return standing
    price = steps[taken].saved_per_byte
    best, _, best_nats = _take(standing, steps[taken:], spare_bytes)
    for width in _WIDTHS:
        # A loss relative to `standing` is at least -price * spare_bytes, plus what each change costs beyond the price.
        core = _changes(ladders, standing, price, best_nats + price * spare_bytes)
        found, is_complete = _search(core, spare_bytes, price, best_nats, width)
        if found is not None:
            (_, best_nats, trail), best = found, list(standing)
            while trail is not None:
                trail, change = trail
                best[change.unit] = change.option
        if is_complete:
            break
    return best


def _hull_steps(ladders: Sequence[tuple[Option, ...]]) -> Iterator[_Step]:
    """Yield the steps along each unit's lower convex hull: within a unit each saves less per byte than the last."""
    for unit, ladder in enumerate(ladders):
        hull: list[_Step] = []
        for end in range(1, len(ladder)):
            step = _step(unit, ladder, hull[-1].end if hull else 0, end)
            while hull and hull[-1].saved_per_byte <= step.saved_per_byte:
                step = _step(unit, ladder, hull.pop().start, end)
            hull.append(step)
        yield from hull


def _step(unit: int, ladder: tuple[Option, ...], start: int, end: int) -> _Step:
    size_bytes = ladder[end].size_bytes - ladder[start].size_bytes
    saved_nats = ladder[start].loss_nats - ladder[end].loss_nats
    return _Step(saved_nats / size_bytes, unit, start, end, size_bytes, saved_nats)


def _take(standing: Sequence[int], steps: Iterable[_Step], spare_bytes: int) -> tuple[list[int], int, float]:
    """Take every step that fits, in order: where units then stand, bytes to spare, and the loss that this adds."""
    standing, added_nats = list(standing), 0.0
    for step in steps:
        if standing[step.unit] == step.start and step.size_bytes <= spare_bytes:
            standing[step.unit] = step.end
            spare_bytes -= step.size_bytes
            added_nats -= step.saved_nats
    return standing, spare_bytes, added_nats


def _changes(
    ladders: Sequence[tuple[Option, ...]], standing: Sequence[int], price: float, gap: float
) -> list[list[_Change]]:
    """Return each unit's changes that cost less than `gap`, their bytes at a price; units without any left out."""
    core = []
    for unit, ladder in enumerate(ladders):
        now = ladder[standing[unit]]
        changes = [
            _Change(option.size_bytes - now.size_bytes, option.loss_nats - now.loss_nats, unit, index)
            for index, option in enumerate(ladder)
            if index != standing[unit]
        ]
        cheap = [change for change in changes if change.loss_nats + price * change.size_bytes < gap]
        if cheap:
            core.append(cheap)
    # Large units first: they leave gaps that small ones fill.
    return sorted(core, key=lambda changes: -max(abs(change.size_bytes) for change in changes))


def _search(
    core: Sequence[Sequence[_Change]], spare_bytes: int, price: float, best_nats: float, width: int
) -> tuple[_Sum | None, bool]:
    """Return the least loss that fits if it is below `best_nats`, else None, and whether nothing better was missed."""
    width = max(1, min(width, _WORK // max(1, sum(map(len, core)))))
    sums: list[_Sum] = [(0, 0.0, None)]
    is_complete = True
    for changes, bounds, room in _ahead(core, spare_bytes, price):
        for size, loss, trail in tuple(sums):
            sums += [(size + change.size_bytes, loss + change.loss_nats, (trail, change)) for change in changes]
        promises, sums = _promising(sums, bounds, room, best_nats)
        if len(sums) > width:
            is_complete = False
            chosen = sorted(range(len(sums)), key=promises.__getitem__)[:width]
            sums = [sums[index] for index in sorted(chosen)]
    # They fit and are undominated, smaller first, so the last one has the least loss.
    return (sums[-1] if sums and sums[-1][1] < best_nats else None), is_complete


def _ahead(
    core: Sequence[Sequence[_Change]], spare_bytes: int, price: float
) -> list[tuple[Sequence[_Change], list[tuple[float, float]], int]]:
    """Return each unit's changes with what the units after it can do about a sum of (bytes, loss).

    Returns:
        For each unit: its changes; pairs (price, rest), where loss + price * bytes + rest is a lower bound of any loss
        that the sum can come to within the budget; the most bytes with which it can yet fit.
    """
    prices = [share * price for share in _PRICES]
    rests, room = [-price * spare_bytes for price in prices], spare_bytes
    ahead = []
    for changes in reversed(core):
        ahead.append((changes, list(zip(prices, rests, strict=True)), room))
        room -= min(0, *(change.size_bytes for change in changes))
        rests = [
            rest + min(0.0, *(change.loss_nats + price * change.size_bytes for change in changes))
            for price, rest in zip(prices, rests, strict=True)
        ]
    return ahead[::-1]


def _promising(
    sums: Iterable[_Sum], bounds: Sequence[tuple[float, float]], room: int, best_nats: float
) -> tuple[list[float], list[_Sum]]:
    """Return the sums that can fit, that none dominates and whose bounds are below the best; the bounds come first."""
    promises, kept, least = [], [], math.inf
    for one in sorted(sums, key=itemgetter(0, 1)):
        size, loss, _ = one
        if size > room:
            break
        if loss < least:
            least = loss
            promise = max([loss + price * size + rest for price, rest in bounds])
            if promise < best_nats:
                promises.append(promise)
                kept.append(one)
    return promises, kept
