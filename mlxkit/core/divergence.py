"""A mean over text with its standard error: rows of text are the independent things, tokens within one are not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far a model's answers are from the original's.

    Attributes:
        kl_nats: mean KL(original || model) per token, in nats.
        se_nats: its standard error, clustered by row of text; None for a single row.
        tokens: how many tokens were compared.
    """

    kl_nats: float
    se_nats: float | None
    tokens: int

    def data(self) -> dict[str, float | int | None]:
        """Return it as JSON."""
        return {"kl_nats": self.kl_nats, "se_nats": self.se_nats, "tokens": self.tokens}


def clustered(rows: Sequence[float], length: int) -> Divergence:
    """Return the mean of rows of equal length, with its standard error.

        se = sqrt(sum (x_i - mean)^2 / (n (n - 1)))

    Args:
        rows: the mean of each row, in nats per token; at least one.
        length: tokens in each.

    >>> clustered([1.0, 3.0], 512)
    Divergence(kl_nats=2.0, se_nats=1.0, tokens=1024)
    """
    mean = math.fsum(rows) / len(rows)
    squares = math.fsum((row - mean) ** 2 for row in rows)
    error = math.sqrt(squares / (len(rows) * (len(rows) - 1))) if len(rows) > 1 else None
    return Divergence(mean, error, len(rows) * length)


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, ties by their mean rank; None for fewer than two or for constant values.

    >>> rank_correlation([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
    0.5
    """
    a, b = _ranks(one), _ranks(other)
    middle = (len(a) + 1) / 2
    spread = math.sqrt(sum((x - middle) ** 2 for x in a) * sum((y - middle) ** 2 for y in b))
    together = sum((x - middle) * (y - middle) for x, y in zip(a, b, strict=True))
    return together / spread if spread > 0 else None


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]
