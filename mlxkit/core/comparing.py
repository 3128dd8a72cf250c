"""Two measurements side by side: whether they may be compared, by how much they differ, and whether that is chance."""

import math
import random
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from mlxkit.core.estimates import LEVEL, Estimate, clustered, quantile
from mlxkit.core.measurement import Measurement, canonical
from mlxkit.core.tasks import Flips

ABSENT = "not recorded"
"""Stands for the value of a field that only the other one has."""

Differences: TypeAlias = dict[str, tuple[Any, Any]]
"""A field's dotted name to the values that the two have there."""

ENOUGH = 5
"""Values of a side that give an interval.

How often chance alone is taken for a difference, of 400 pairs of normal samples each: 32 % with 2 values a side, 11 %
with 3, 8 % with 4, and 2 to 4 % with 5 to 20, where 5 % are promised.
"""

Interval: TypeAlias = tuple[float, float]

Verdict: TypeAlias = Literal[
    "faster",
    "slower",
    "loses less",
    "loses more",
    "needs less",
    "needs more",
    "answers more",
    "answers fewer",
    "scores better",
    "scores worse",
    "scores higher",
    "scores lower",
    "no difference",
]
"""How the second of two stands to the first."""

NO_DIFFERENCE: Verdict = "no difference"


def differences(one: Measurement, other: Measurement) -> Differences:
    """Return what must be equal for two measurements to be comparable, and is not.

    That is all that is recorded of the work, the machine and the versions, down to the last nested field, what kind
    of measurement it is, and whether it ran to its end. A field that only one has counts as different.

    Returns:
        Fields such as ``machine.chip`` in alphabetical order; none for two that may be compared.
    """
    left, right = dict(_fields((), _demanded(one))), dict(_fields((), _demanded(other)))
    found: Differences = {}
    for path in sorted(left.keys() | right.keys()):
        values = left.get(path, ()), right.get(path, ())
        if canonical(values[0]) != canonical(values[1]):  # by their spelling: to Python, true is 1
            found[".".join(path)] = values[0][0] if values[0] else ABSENT, values[1][0] if values[1] else ABSENT
    return found


def _demanded(one: Measurement) -> dict[str, Any]:
    whole = one.as_json()
    return {name: whole[name] for name in ("is_complete", "kind", "machine", "versions", "workload")}


def _fields(above: tuple[str, ...], content: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], tuple[Any]]]:
    """Yield the path and, in a tuple of its own, the value of every field that holds no others."""
    for key, value in content.items():
        path = (*above, key)
        if isinstance(value, Mapping) and (value or not above):
            yield from _fields(path, value)
        else:
            yield path, (value,)


def is_allowed(field: str, allowed: Iterable[str]) -> bool:
    """Whether a field, or what it is a part of, may differ.

    >>> is_allowed("machine.chip", ["machine"]), is_allowed("machine.chip", ["machine.ch"])
    (True, False)
    """
    return any(field == one or field.startswith(f"{one}.") for one in allowed)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as large the second of two figures is.

    Attributes:
        value: the second by the first.
        low: where its 95 % confidence interval begins; None where there are too few values to tell.
        high: where it ends.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> Interval | None:
        """The 95 % confidence interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def data(self) -> dict[str, float | None]:
        """Return it as JSON."""
        return asdict(self)


def ratio(one: Sequence[float], other: Sequence[float], seed: int = 0, resamples: int = 10_000) -> Ratio:
    """Return the median of the second values by the median of the first, with a bootstrap interval.

    Both sides are drawn from anew, with replacement; the interval has the middle 95 % of the ratios that come of it
    (B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993: two samples in chapter 8, percentile
    intervals in chapter 13). Values are taken for independent: a drift over all of a side's trials is not seen.

    Args:
        one: at least one value, all of them more than 0.
        other: the same.
        seed: of the drawing: the same values give the same interval.
        resamples: how often to draw.

    Returns:
        The ratio; without an interval where a side has fewer than `ENOUGH` values.

    Raises:
        ValueError: a side has no values, or one that is not more than 0.

    >>> ratio([1.0, 2.0, 3.0], [4.0])
    Ratio(value=2.0, low=None, high=None)
    """
    if not one or not other or not all(value > 0 for value in (*one, *other)):
        raise ValueError("expected values of more than 0 on both sides")
    value = statistics.median(other) / statistics.median(one)
    if min(len(one), len(other)) < ENOUGH:
        return Ratio(value)
    rng = random.Random(seed)  # noqa: S311  no secret is drawn
    drawn = sorted(_median(other, rng) / _median(one, rng) for _ in range(resamples))
    tail = (1 - LEVEL) / 2
    return Ratio(value, quantile(drawn, tail), quantile(drawn, 1 - tail))


def _median(values: Sequence[float], rng: random.Random) -> float:
    # `statistics.median` takes twice as long, and this is asked twenty thousand times.
    drawn = sorted(rng.choices(values, k=len(values)))
    middle = len(drawn) // 2
    return drawn[middle] if len(drawn) % 2 else (drawn[middle - 1] + drawn[middle]) / 2


def are_same_rows(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rows of text, as `Quality.raw` gives them, were cut and clustered alike."""
    return [(row["cluster"], row["tokens"]) for row in one] == [(row["cluster"], row["tokens"]) for row in other]


def paired_difference(
    one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], figure: str = "kl_nats"
) -> Estimate:
    """Return by how much the second exceeds the first on the same text, per token.

    What makes a row hard makes it hard for both, and leaves with the difference: the error is that of the differences,
    clusters taken for independent (`estimates.clustered`).

    Args:
        one: rows as `Quality.raw` gives them, at least one.
        other: those of the same text.
        figure: a row's sum over its tokens.

    Raises:
        ValueError: the rows are not of the same text.

    >>> rows = [{"cluster": 0, "tokens": 2, "kl_nats": 1.0}, {"cluster": 1, "tokens": 2, "kl_nats": 3.0}]
    >>> paired_difference(rows, [{**row, "kl_nats": row["kl_nats"] / 2} for row in rows])
    Estimate(value=-0.5, se=0.25, clusters=2)
    """
    if not are_same_rows(one, other):
        raise ValueError("expected the same rows on both sides")
    sums: dict[int, list[float]] = {}
    counts: dict[int, int] = {}
    for left, right in zip(one, other, strict=True):
        cluster = left["cluster"]
        sums.setdefault(cluster, []).append(right[figure] - left[figure])
        counts[cluster] = counts.get(cluster, 0) + left["tokens"]
    return clustered([math.fsum(values) for values in sums.values()], list(counts.values()))


def unpaired_difference(one: Estimate, other: Estimate) -> Estimate:
    """Return by how much the second of two independent estimates exceeds the first.

        se = sqrt(se_1^2 + se_2^2)

    with the smaller of the two numbers of clusters: its interval is rather too wide than too narrow.
    """
    clusters = min(one.clusters, other.clusters)
    is_known = one.se is not None and other.se is not None and clusters > 1
    return Estimate(other.value - one.value, math.hypot(one.se or 0, other.se or 0) if is_known else None, clusters)


@dataclass(frozen=True, slots=True)
class Sense:
    """What it means that a figure is larger.

    Attributes:
        larger: what the second is said to do when its figure is larger.
        smaller: and when it is smaller.
    """

    larger: Verdict
    smaller: Verdict

    def of_ratio(self, found: Ratio) -> Verdict:
        """Return the verdict: no difference where the interval has 1, or there is none."""
        return self._of(found.interval, 1)

    def of_difference(self, found: Estimate) -> Verdict:
        """Return the verdict: no difference where the interval has 0, or there is none."""
        return self._of(found.interval, 0)

    def of_flips(self, found: Flips) -> Verdict:
        """Return the verdict: no difference where chance alone often gives as much."""
        if found.p_value >= 1 - LEVEL:
            return NO_DIFFERENCE
        return self.larger if found.gained > found.lost else self.smaller

    def _of(self, interval: Interval | None, neutral: float) -> Verdict:
        if interval is None or interval[0] <= neutral <= interval[1]:
            return NO_DIFFERENCE
        return self.larger if interval[0] > neutral else self.smaller


SPEED = Sense(larger="faster", smaller="slower")
TIME = Sense(larger="slower", smaller="faster")
LOSS = Sense(larger="loses more", smaller="loses less")
MEMORY = Sense(larger="needs more", smaller="needs less")
ANSWERS = Sense(larger="answers more", smaller="answers fewer")
SCORES: Mapping[bool | None, Sense] = {
    True: Sense(larger="scores better", smaller="scores worse"),
    False: Sense(larger="scores worse", smaller="scores better"),
    None: Sense(larger="scores higher", smaller="scores lower"),
}
"""Of other scores, by whether higher is better; None where that is not known."""
