"""Whether a model fits and how fast it will be: bytes against a limit, and bytes over a bandwidth."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["fits", "tight", "does not fit"]

TIGHT = 0.9
"""A share of the limit above which it is tight: other programs and rounding take the rest."""

GPU_WORKSPACE_BYTES = 800 * 10**6
"""What prefilling 2,048 tokens at once takes beside weights and cache on Metal: within 0.1 GB for all 11 rows of
mlx-lm's BENCHMARKS.md (4B dense and 30B mixture, 4 to 16 bits; M4 Max, mlx 0.29.2). It is taken for proportional to
the chunk."""

USUAL_CONTEXT = 4096
"""Tokens of a conversation, where nobody says how long it is to be."""

PREFILL_STEP = 2048
"""Tokens of a row that are prefilled at once, as mlx-lm does it."""


@dataclass(frozen=True)
class Need:
    """What a model takes in memory.

    Attributes:
        weight_bytes: all of them.
        cache_bytes: of all rows, at the end of the context, with what is set aside; None when it is not known.
        workspace_bytes: of the largest step.
    """

    weight_bytes: int
    cache_bytes: int | None
    workspace_bytes: int

    @property
    def total_bytes(self) -> int:
        """All together, as far as it is known."""
        return self.weight_bytes + (self.cache_bytes or 0) + self.workspace_bytes

    def predicted(self) -> dict[str, int]:
        """Return what a measurement keeps of it, beside what was measured."""
        return {"predicted_memory_bytes": self.total_bytes, "predicted_workspace_bytes": self.workspace_bytes}

    def verdict(self, limit_bytes: int) -> Verdict | None:
        """Return whether it fits; None when that hangs on a cache that is not known.

        >>> Need(80, 5, 4).verdict(100), Need(80, 10, 5).verdict(100), Need(99, 1, 1).verdict(100)
        ('fits', 'tight', 'does not fit')
        """
        if self.total_bytes > limit_bytes:
            return "does not fit"
        if self.cache_bytes is None:
            return None
        return "tight" if self.total_bytes > TIGHT * limit_bytes else "fits"


def vocabulary(config: Mapping[str, Any]) -> int:
    """Return how many logits a model has, by its config; 0 when that does not tell."""
    text = config.get("text_config")
    told = (text if isinstance(text, Mapping) else config).get("vocab_size")
    return told if isinstance(told, int) and told > 0 else 0


def room_for_weights(limit_bytes: int, cache_bytes: int, workspace_bytes: int) -> int:
    """Return the bytes that a device leaves for weights: less than nothing when the rest alone is too much.

    >>> room_for_weights(100, 15, 5)
    80
    """
    return limit_bytes - cache_bytes - workspace_bytes


def gpu_workspace_bytes(tokens: int, batch: int) -> int:
    """Return about what prefilling takes on Metal, for a context of so many tokens."""
    return GPU_WORKSPACE_BYTES * batch * min(tokens, PREFILL_STEP) // PREFILL_STEP


def cpu_workspace_bytes(
    tokens: int, batch: int, *, hidden: int, intermediate: int, number_bytes: int, is_quantized: bool
) -> int:
    """Return about what prefilling takes on MLX's CPU backend, where a model's graph cannot be had: one layer's values.

    It is too little for many tokens: operations start before earlier ones are done, and attention's scores are whole.

    workspace = batch chunk (k intermediate + 4 hidden) bytes, k = 3 for gate, up and their product, and 4 where the
    weights are quantized; residual, norm, output and input are as wide as the model
    """
    widest = (4 if is_quantized else 3) * intermediate
    return batch * min(tokens, PREFILL_STEP) * (widest + 4 * hidden) * number_bytes


def workspace_bytes(
    config: Mapping[str, Any], tokens: int, batch: int, *, on_cpu: bool, is_quantized: bool, number_bytes: int = 2
) -> int:
    """Return about what prefilling takes, by what a config says of the model's widths.

    Args:
        config: the checkpoint's; what it says of a text model inside it goes first.
        tokens: of a row.
        batch: rows side by side.
        on_cpu: MLX's CPU backend computes it.
        is_quantized: its weights are, and are computed so.
        number_bytes: of a value between layers.
    """
    text = config.get("text_config")
    told = text if isinstance(text, Mapping) else config
    hidden, intermediate = told.get("hidden_size"), told.get("intermediate_size")
    if not (on_cpu and isinstance(hidden, int) and isinstance(intermediate, int)):
        return gpu_workspace_bytes(tokens, batch)
    sizes = {"hidden": hidden, "intermediate": intermediate, "number_bytes": number_bytes}
    return cpu_workspace_bytes(tokens, batch, **sizes, is_quantized=is_quantized)


def longest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the longest context up to `most` that fits, if all shorter ones do; 0 when none does.

    >>> longest(100, lambda tokens: tokens <= 42)
    42
    """
    if most and fits(most):  # most models do, on most devices, and it costs one question instead of a dozen
        return most
    low, high = 0, max(0, most - 1)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


ENOUGH = 5
"""Measurements from which on they correct the next prediction."""


@dataclass(frozen=True)
class Record:
    """How predictions of memory fared.

    Attributes:
        predicted: bytes, of each run.
        workspaces: bytes of them that were estimated.
        measured: bytes at the peak.
    """

    predicted: tuple[int, ...] = ()
    workspaces: tuple[int, ...] = ()
    measured: tuple[int, ...] = ()

    @classmethod
    def of(cls, summaries: Iterable[Mapping[str, Any]]) -> "Record":
        """Return the record of measurements, those without a prediction left out."""
        names = ("predicted_memory_bytes", "predicted_workspace_bytes", "peak_memory_bytes")
        runs = [[summary.get(name) for name in names] for summary in summaries]
        known = [run for run in runs if all(isinstance(value, int) and value > 0 for value in run)]
        return cls(*zip(*known, strict=True)) if known else cls()

    @property
    def worst(self) -> float | None:
        """The largest error, as a share of what was measured; None without a run."""
        pairs = zip(self.predicted, self.measured, strict=True)
        return max((abs(guess - found) / found for guess, found in pairs), default=None)

    @property
    def workspace_factor(self) -> float:
        """By how much the estimated part is to be multiplied: the median of measured over estimated, from 5 runs on."""
        if len(self.measured) < ENOUGH:
            return 1.0
        runs = zip(self.predicted, self.workspaces, self.measured, strict=True)
        return statistics.median(max(0.0, (found - (guess - work)) / work) for guess, work, found in runs)
