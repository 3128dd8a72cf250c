"""A loaded model under a stopwatch: prefill and decoding, step by step as mlx-lm's own loop takes them.

Random tokens of a fixed seed, greedy, past every end: what is timed depends on how many tokens there are, not on which.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.generate import generation_stream
from mlx_lm.models.cache import make_prompt_cache

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.fitting import PREFILL_STEP
from mlxkit.core.progress import Progress
from mlxkit.core.trials import Trial, Workload
from mlxkit.engines.models.caching import measured
from mlxkit.engines.models.loading import open_model, upstream
from mlxkit.engines.models.streaming import evaluate
from mlxkit.engines.models.wiring import wired

Clock = Callable[[], float]


@dataclass(frozen=True)
class Timed:
    """A trial, and what it had in its cache.

    Attributes:
        trial: what the clock said.
        cache_bytes: keys and values, or states, of all rows: after the prefill and after the last token.
    """

    trial: Trial
    cache_bytes: tuple[int, int]


class Timing:
    """A model whose weights are in memory, in their own dtypes.

    Args:
        checkpoint: what it was made of, for messages.
        model: the mlx-lm module.
        notes: what a user should know about how mlx-lm computes it.
    """

    def __init__(self, checkpoint: Checkpoint, model: nn.Module, notes: tuple[str, ...] = ()) -> None:
        self._checkpoint = checkpoint
        self._model = model
        self.notes = notes
        with upstream(checkpoint):
            self._vocabulary = int(model(mx.array([[0]])).shape[-1])

    def run(self, given: Workload, clock: Clock, seed: int) -> Timed:
        """Time one trial.

        Args:
            given: what to prefill and to decode.
            clock: seconds; what it says is only subtracted.
            seed: of the tokens.

        Raises:
            CheckpointError: mlx-lm's class fails.
        """
        with (
            upstream(self._checkpoint),
            wired(self._model, given.context, given.batch),
            mx.stream(generation_stream),
        ):
            return self._run(given, clock, seed)

    def _run(self, given: Workload, clock: Clock, seed: int) -> Timed:
        shape = (given.batch, given.depth + given.prompt_tokens)
        tokens = mx.random.randint(0, self._vocabulary, shape, key=mx.random.key(seed))
        cache: list[Any] = make_prompt_cache(self._model)
        self._fill(tokens[:, : given.depth], cache)
        mx.reset_peak_memory()
        begun = clock()
        self._fill(tokens[:, given.depth : -1], cache)
        logits = self._model(tokens[:, -1:], cache=cache)[:, -1]
        mx.eval(logits)
        prefilled = clock() - begun
        before = measured(cache).content
        moments = list(self._decode(logits, cache, given.generated_tokens, clock))
        trial = Trial(prefilled, moments[0] - begun, moments[-1] - begun, int(mx.get_peak_memory()))
        return Timed(trial, (before, measured(cache).content))

    def _fill(self, tokens: mx.array, cache: list[Any]) -> None:
        """Put tokens, (rows, time), into a cache; their logits are not wanted, and not computed."""
        for start in range(0, tokens.shape[1], PREFILL_STEP):
            self._model(tokens[:, start : start + PREFILL_STEP], cache=cache)
            mx.eval([layer.state for layer in cache])
            mx.clear_cache()

    def _decode(self, logits: mx.array, cache: list[Any], count: int, clock: Clock) -> Iterator[float]:
        """Yield the moment at which each token is at hand; the next one is under way by then."""
        token = mx.argmax(logits, axis=-1)
        mx.async_eval(token)  # type: ignore[no-untyped-call, unused-ignore]  # mlx does not declare its types
        for number in range(count):
            following = None
            if number + 1 < count:
                following = mx.argmax(self._model(token[:, None], cache=cache)[:, -1], axis=-1)
                mx.async_eval(following)  # type: ignore[no-untyped-call, unused-ignore]
            token.tolist()
            yield clock()
            if following is not None:
                token = following


def load_for_timing(checkpoint: Checkpoint, *, trust_remote_code: bool, progress: Progress) -> Timing:
    """Load a checkpoint to be timed.

    Args:
        checkpoint: sound.
        trust_remote_code: run code that comes with it.
        progress: told the bytes of the weights.

    Raises:
        MlxkitError: as `open_model`.
    """
    opened = open_model(checkpoint, trust_remote_code=trust_remote_code)
    opened.model.eval()
    evaluate(opened.model, f"Loading {checkpoint.name}", progress)
    return Timing(checkpoint, opened.model, opened.notes)
