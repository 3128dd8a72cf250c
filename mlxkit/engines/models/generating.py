"""A loaded model that continues rows of tokens, one token at a time, and remembers what it computed of the last row."""

import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import can_trim_prompt_cache, make_prompt_cache
from mlx_lm.sample_utils import make_logits_processors, make_sampler

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.generation import common_prefix
from mlxkit.core.progress import Progress
from mlxkit.core.sampling import Sampling
from mlxkit.core.speaking import Message
from mlxkit.engines.models.loading import open_model
from mlxkit.engines.models.streaming import evaluate
from mlxkit.engines.models.tokenizing import Detokenizer, Tokenizer, load_tokenizer
from mlxkit.engines.models.wiring import wired

_EVERYTHING = 2**31 - 1  # the repetition penalty looks at the whole row, as transformers' does, not at 20 tokens


class Loaded:
    """A model with its weights in memory, and its tokenizer.

    Args:
        model: the mlx-lm module.
        tokenizer: the checkpoint's.
        notes: what a user should know about how mlx-lm computes it.

    Attributes:
        reused_tokens: of the last row's prompt, how many were not computed again.
    """

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, notes: tuple[str, ...] = ()) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._cache: list[Any] | None = None
        self._row: list[int] = []
        self.notes = notes
        self.reused_tokens = 0

    @property
    def eos_ids(self) -> frozenset[int]:
        """Every token id that ends an answer."""
        return self._tokenizer.eos_ids

    @property
    def peak_memory_bytes(self) -> int:
        """The most that MLX held since the last row was begun, weights included."""
        return int(mx.get_peak_memory())

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens."""
        return self._tokenizer.encode(text)

    def render(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a conversation, up to where the assistant's next turn begins."""
        return self._tokenizer.render(messages)

    def detokenizer(self) -> Detokenizer:
        """Return a detokenizer for one answer."""
        return self._tokenizer.detokenizer()

    def seed(self, seed: int) -> None:
        """Make what is drawn from now on repeatable."""
        mx.random.seed(seed)

    def tokens(self, prompt: Sequence[int], sampling: Sampling, max_tokens: int) -> Generator[int, None, None]:
        """Yield the tokens that follow a prompt; close it to stop earlier.

        What the prompt has in common with the last row is not computed again, if the model's cache can go back there.

        Args:
            prompt: at least one token.
            sampling: how each token is drawn.
            max_tokens: at most so many, at least 1.
        """
        mx.reset_peak_memory()
        row = list(prompt)
        cache = self._rewound(row)
        # Until the loop has yielded, the cache is between two rows: an interruption must find none.
        self._cache, self._row = None, []
        reused = self.reused_tokens
        with wired(self._model, len(row) + max_tokens):
            steps = generate_step(
                prompt=mx.array(row[reused:]),
                model=self._model,
                max_tokens=max_tokens,
                sampler=_sampler(sampling),
                logits_processors=_processors(sampling, row[:reused]),
                prompt_cache=cache,
            )
            with contextlib.closing(steps):
                for token, _ in steps:
                    row.append(token)
                    # mlx-lm computes one token ahead: the cache holds this one already.
                    self._cache, self._row = cache, row
                    yield token
                    self._cache, self._row = None, []
        self._cache, self._row = cache, row

    def _rewound(self, prompt: list[int]) -> list[Any]:
        """Return a cache that holds the first `reused_tokens` of the prompt, all but the last at most."""
        shared = min(common_prefix(self._row, prompt), len(prompt) - 1)
        extra = len(self._row) - shared
        cache = self._cache
        if cache is not None and shared > 0 and _trimmed(cache, extra):
            self.reused_tokens = shared
            return cache
        self.reused_tokens = 0
        fresh: list[Any] = make_prompt_cache(self._model)
        return fresh


def load(checkpoint: Checkpoint, *, for_chat: bool, trust_remote_code: bool, progress: Progress) -> Loaded:
    """Load a checkpoint: what may be refused comes first, every weight last.

    Args:
        checkpoint: sound.
        for_chat: refuse it when it has no chat template.
        trust_remote_code: run code that comes with it.
        progress: told the bytes of the weights.

    Raises:
        RemoteCodeError: it wants code of its own to be run, and `trust_remote_code` is False.
        CheckpointError: its architecture, config or tokenizer cannot be used, or it has no chat template.
        IntegrityError: its tensors are not those that its config asks for.
    """
    opened = open_model(checkpoint, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(checkpoint, trust_remote_code=trust_remote_code)
    if for_chat:
        tokenizer.demand_template()
    evaluate(opened.model, "Loading weights", progress)
    return Loaded(opened.model, tokenizer, opened.notes)


def _trimmed(cache: list[Any], extra: int) -> bool:
    """Take the last `extra` tokens out of a cache; False when it cannot be gone back to, and must not be used."""
    if extra == 0:
        return True
    return bool(can_trim_prompt_cache(cache)) and all(layer.trim(extra) == extra for layer in cache)


def _sampler(sampling: Sampling) -> Callable[[mx.array], mx.array]:
    def draw(logprobs: mx.array) -> mx.array:
        # mlx-lm refuses a top_k of the whole vocabulary, which is the same as none.
        top_k = sampling.top_k if sampling.top_k < logprobs.shape[-1] else 0
        choose = make_sampler(temp=sampling.temperature, top_p=sampling.top_p, min_p=sampling.min_p, top_k=top_k)
        drawn: mx.array = choose(logprobs)
        return drawn

    return draw


def _processors(sampling: Sampling, reused: list[int]) -> list[Callable[[mx.array, mx.array], mx.array]]:
    """Return what changes the logits: the penalty, which counts the reused tokens that mlx-lm does not show it."""
    if sampling.repetition_penalty == 1.0:
        return []
    (penalize,) = make_logits_processors(
        repetition_penalty=sampling.repetition_penalty, repetition_context_size=_EVERYTHING
    )
    before = mx.array(reused, dtype=mx.int32)

    def with_reused(tokens: mx.array, logits: mx.array) -> mx.array:
        penalized: mx.array = penalize(mx.concatenate([before, tokens.astype(mx.int32)]), logits)
        return penalized

    return [with_reused]
