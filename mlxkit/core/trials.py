"""Timed trials: what was asked for, what the clock said, and what is to be made of it.

Decoding is counted by its intervals: of n tokens, the first one ends the prefill, and n - 1 are decoded after it.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from mlxkit.core.errors import PlanError

AGREEMENT = 0.05
"""Warm-up is over when two trials in a row differ by no more than this share."""

MOST_WARM_UPS = 8
"""Warm-ups after which measuring begins all the same, and says so."""

ENOUGH_FOR_P95 = 20
"""Fewer values have no 95th percentile worth the name."""


@dataclass(frozen=True, order=True)
class Workload:
    """What a model is given in one trial.

    Attributes:
        prompt_tokens: that are prefilled, at least 1.
        generated_tokens: at least 1; a single one has no decoding to be timed.
        depth: tokens that are in the cache before, not timed.
        batch: rows side by side, at least 1.
    """

    prompt_tokens: int = 512
    generated_tokens: int = 128
    depth: int = 0
    batch: int = 1

    def __post_init__(self) -> None:
        if min(self.prompt_tokens, self.generated_tokens, self.batch) < 1 or self.depth < 0:
            raise PlanError("Prompt, tokens and batch begin at 1, depth at 0.", hint="mlxkit bench --help")

    @property
    def context(self) -> int:
        """Tokens of a row at its end."""
        return self.depth + self.prompt_tokens + self.generated_tokens

    def data(self) -> dict[str, int]:
        """Return it as JSON."""
        return asdict(self)


def grid(
    prompts: Sequence[int], generated: Sequence[int], depths: Sequence[int], batches: Sequence[int]
) -> tuple[Workload, ...]:
    """Return every combination, each once, the last one turning fastest.

    >>> [one.depth for one in grid([8], [2], [0, 64, 0], [1])]
    [0, 64]
    """
    return tuple(dict.fromkeys(Workload(*values) for values in product(prompts, generated, depths, batches)))


@dataclass(frozen=True)
class Trial:
    """What the clock said of one trial, in seconds after its begin.

    Attributes:
        prefilled_seconds: the prompt was in the cache and its logits were there.
        first_seconds: the first token was at hand.
        last_seconds: the last one was; the same for a single token.
        peak_memory_bytes: the most that MLX held, weights included; None when that cannot be read.
        rss_bytes: of the process, at the end.
    """

    prefilled_seconds: float
    first_seconds: float
    last_seconds: float
    peak_memory_bytes: int | None = None
    rss_bytes: int | None = None

    def prompt_tps(self, given: Workload) -> float:
        """Return prefill throughput, tokens per second over all rows."""
        return given.batch * given.prompt_tokens / self.prefilled_seconds

    def generation_tps(self, given: Workload) -> float | None:
        """Return decode throughput, tokens per second over all rows; None where a single token was asked for.

        tps = batch (n - 1) / (t_last - t_first)
        """
        steps = given.generated_tokens - 1
        return given.batch * steps / (self.last_seconds - self.first_seconds) if steps else None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Spread:
    """Values of repeated trials.

    Attributes:
        values: at least one.
    """

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """The sample standard deviation, n - 1 in its denominator; None for a single value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def p95(self) -> float | None:
        """The smallest value that 95 % do not exceed; None for fewer than twenty."""
        if len(self.values) < ENOUGH_FOR_P95:
            return None
        return sorted(self.values)[math.ceil(0.95 * len(self.values)) - 1]

    def data(self, name: str) -> dict[str, float | None]:
        """Return it as JSON: the median under its name, the others behind it."""
        found = {
            name: self.median,
            f"{name}_mean": self.mean,
            f"{name}_sd": self.sd,
            f"{name}_min": min(self.values),
            f"{name}_max": max(self.values),
        }
        return found if self.p95 is None else {**found, f"{name}_p95": self.p95}


def is_warm(trials: Sequence[Trial]) -> bool:
    """Whether the last two trials agree, in prefill and in all: then the next one is worth counting."""
    if len(trials) < 2:
        return False
    one, other = trials[-2:]
    return _agree(one.prefilled_seconds, other.prefilled_seconds) and _agree(one.last_seconds, other.last_seconds)


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= AGREEMENT * max(one, other)


def in_turn(models: int, repeats: int) -> Iterator[int]:
    """Yield whose turn it is: A B A B, so that what drifts meets all of them alike.

    >>> list(in_turn(2, 3))
    [0, 1, 0, 1, 0, 1]
    """
    for _ in range(repeats):
        yield from range(models)
