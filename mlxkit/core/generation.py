"""What an answer is, how long it took, and why it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Finish: TypeAlias = Literal["stop", "length", "stop_string", "interrupted"]
"""Why an answer ended: the model ended it, its bound was reached, a stop string came, or the user had enough."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happened, in seconds of one clock.

    Attributes:
        asked: the request began: before the template was applied and the prompt tokenized.
        prefilling: the tokens of the prompt were handed to the model.
        first: the first token came; None when none did.
        last: the last token came; None when none did.
        ended: the answer was over.
        tokens: how many came, one that ended the answer included.
    """

    asked: float
    prefilling: float
    first: float | None
    last: float | None
    ended: float
    tokens: int

    @property
    def ttft_seconds(self) -> float | None:
        """From the request to the first token: template, tokenization and prefill together."""
        return None if self.first is None else self.first - self.asked

    @property
    def prefill_seconds(self) -> float | None:
        """From the prompt's tokens to the first token of the answer."""
        return None if self.first is None else self.first - self.prefilling

    @property
    def decode_seconds(self) -> float | None:
        """From the first token to the last: `tokens - 1` intervals."""
        return None if self.first is None or self.last is None else self.last - self.first

    @property
    def total_seconds(self) -> float:
        """From the request to its end."""
        return self.ended - self.asked

    @property
    def generation_tps(self) -> float | None:
        """Tokens per second of decoding; None without an interval.

        generation_tps = (n - 1) / (t_last - t_first)
        """
        return _rate(self.tokens - 1, self.decode_seconds)

    def prompt_tps(self, prefilled: int) -> float | None:
        """Return tokens per second of prefill.

        Args:
            prefilled: tokens that were computed; those that an earlier turn left in the cache do not count.
        """
        return _rate(prefilled, self.prefill_seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said.

    Attributes:
        text: without special tokens, and without the stop string that ended it.
        finish: why it ended.
        prompt_tokens: length of the prompt, template included.
        reused_tokens: how many of them stood in the cache of an earlier turn.
        timing: when things happened; it counts the tokens.
        peak_memory_bytes: the most that MLX held during the request, weights included.
    """

    text: str
    finish: Finish
    prompt_tokens: int
    reused_tokens: int
    timing: Timing
    peak_memory_bytes: int

    @property
    def prompt_tps(self) -> float | None:
        """Tokens per second of prefill; None when no token came."""
        return self.timing.prompt_tps(self.prompt_tokens - self.reused_tokens)

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "text": self.text,
            "finish_reason": self.finish,
            "prompt_tokens": self.prompt_tokens,
            "reused_tokens": self.reused_tokens,
            "generation_tokens": self.timing.tokens,
            "prompt_tps": self.prompt_tps,
            "generation_tps": self.timing.generation_tps,
            "ttft_seconds": self.timing.ttft_seconds,
            "prefill_seconds": self.timing.prefill_seconds,
            "decode_seconds": self.timing.decode_seconds,
            "total_seconds": self.timing.total_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
        }


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two rows have in common from the start.

    >>> common_prefix([1, 2, 3], [1, 2, 4, 5])
    2
    """
    for position, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return position
    return min(len(one), len(other))


def _rate(count: int, seconds: float | None) -> float | None:
    return count / seconds if count > 0 and seconds is not None and seconds > 0 else None
