"""Estimates with their errors: means over text, whose documents are independent things and whose tokens are not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
"""How often an interval is to hold what it estimates."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error.

    Attributes:
        value: the estimate.
        se: its standard error; None where a single cluster tells nothing of it.
        clusters: how many independent things stand behind it.
    """

    value: float
    se: float | None
    clusters: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval, by Student's t with one degree of freedom less than there are clusters."""
        if self.se is None:
            return None
        reach = student_t((1 + LEVEL) / 2, self.clusters - 1) * self.se
        return self.value - reach, self.value + reach

    def exp(self) -> "Estimate":
        """Return the estimate of the exponential, its error by the delta method.

        se(e^x) = e^x se(x)
        """
        grown = math.exp(self.value) if self.value < _LARGEST else math.inf
        return Estimate(grown, None if self.se is None else grown * self.se, self.clusters)

    def times(self, factor: float) -> "Estimate":
        """Return the estimate of a multiple."""
        return Estimate(self.value * factor, None if self.se is None else abs(factor) * self.se, self.clusters)


_LARGEST = 709.0
"""Beyond it, e^x is no float."""


def clustered(sums: Sequence[float], counts: Sequence[float]) -> Estimate:
    """Return a mean over things that come in clusters, with a standard error that takes only clusters for independent.

        mean = S / C,    se = sqrt(n / (n - 1) sum_i (s_i - mean c_i)^2) / C

    with S and C the sums of s_i and c_i over the n clusters: the linearized variance of a ratio (Cochran, Sampling
    Techniques, 3rd edition, 1977, section 6.3, without the correction for a finite population).

    Args:
        sums: of each cluster; at least one.
        counts: how many things each sum is of; more than none altogether.

    >>> clustered([512.0, 1536.0], [512, 512])
    Estimate(value=2.0, se=1.0, clusters=2)
    """
    number, count = len(sums), math.fsum(counts)
    mean = math.fsum(sums) / count
    if number < 2:
        return Estimate(mean, None, number)
    squares = math.fsum((s - mean * c) ** 2 for s, c in zip(sums, counts, strict=True))
    return Estimate(mean, math.sqrt(number / (number - 1) * squares) / count, number)


def student_t(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t distribution.

    Closed forms for 1 and 2 degrees of freedom; from 3 on the expansion around the normal quantile (Abramowitz and
    Stegun, 26.7.5), right to 0.13 % at 3 and to 0.005 % from 6 on at 0.975.

    Args:
        probability: 0.5 to less than 1.
        freedom: degrees of freedom, at least 1.

    >>> round(student_t(0.975, 1), 2), round(student_t(0.975, 2), 3), round(student_t(0.975, 30), 3)
    (12.71, 4.303, 2.042)
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        left = 2 * probability - 1
        return left * math.sqrt(2 / (1 - left * left))
    x = NormalDist().inv_cdf(probability)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a share of all values does not exceed.

    Args:
        ordered: at least one, ascending.
        share: more than 0, at most 1.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5), quantile([1.0, 2.0, 3.0, 4.0], 1)
    (2.0, 4.0)
    """
    # Exact for shares such as 0.999, whose product with a count may lie a rounding above a whole number.
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]
