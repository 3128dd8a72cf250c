"""Answering questions: greedy text that follows prompts, many side by side, for every kind of cache.

Rows of a batch go side by side without padding: the batch begins with as many tokens as its shortest row has, and the
longer rows' own tokens take the place of what would be drawn. So mlx-lm's ordinary caches serve, all of them. Its batch
generation pads, needs a cache that can be merged with others (llama4's cannot), and leaves the padding to each model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import make_prompt_cache

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Progress
from mlxkit.core.stopping import StopMatcher
from mlxkit.engines.models import quantizing
from mlxkit.engines.models.loading import open_model, upstream
from mlxkit.engines.models.streaming import evaluate
from mlxkit.engines.models.tokenizing import Tokenizer, load_tokenizer
from mlxkit.engines.models.wiring import wired

BATCH = 16
"""Rows that are computed side by side: a step reads every weight, for one row or for many."""

WINDOW = 4 * BATCH
"""Rows that are sorted by their lengths before they are cut into batches: answers come out so many at a time."""

_SPREAD = 32  # tokens that a batch's longest row has more than its shortest: each costs a step
_BATCH_TOKENS = 2**15  # prompts of a batch, so that its caches stay small
_PREFILL_TOKENS = 2**13  # tokens of one forward pass, over all rows
_PREFILL_STEP = 2**11  # of each row, as mlx-lm does it


@dataclass(frozen=True)
class Prompt:
    """What is to be continued.

    Attributes:
        tokens: at least one.
        max_tokens: tokens of the answer at most, at least 1.
        stop: strings that end it; none is part of it.
    """

    tokens: tuple[int, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()


class Respondent:
    """A model that is asked.

    Args:
        checkpoint: what it was made of, for messages.
        model: the mlx-lm module.
        tokenizer: the checkpoint's.

    Attributes:
        model: the mlx-lm module.
        tokenizer: the checkpoint's.
    """

    def __init__(self, checkpoint: Checkpoint, model: nn.Module, tokenizer: Tokenizer) -> None:
        self._checkpoint = checkpoint
        self.model = model
        self.tokenizer = tokenizer

    @property
    def has_template(self) -> bool:
        """Whether a question is put as a user's turn; without a chat template it is plain text."""
        return self.tokenizer.has_template

    def prompt(self, text: str, max_tokens: int) -> Prompt:
        """Return a question as the model takes it, the same on every day.

        Raises:
            PlanError: it has no tokens.
            CheckpointError: the tokenizer or its chat template fails.
        """
        if self.has_template:
            tokens = self.tokenizer.conversation([{"role": "user", "content": text}], answering=True)
        else:
            tokens = self.tokenizer.encode(text)
        if not tokens:
            raise PlanError(f"The question {text[:40]!r} has no tokens.", hint="leave that question out")
        return Prompt(tuple(tokens), max_tokens)

    def answers(self, texts: Sequence[str], *, max_tokens: int = 64, begin: int = 0) -> Iterator[str]:
        """Yield the greedy answer to each question, in order.

        The answers of `WINDOW` questions are computed at once, and the same ones wherever it begins: what is computed
        together decides about the last bits of the logits, and so a run that was interrupted goes on to what it would
        have said. What a model writes while it thinks is part of its answer.

        Args:
            texts: the questions, all of them.
            max_tokens: tokens of each answer at most.
            begin: how many questions were answered before; their answers are not given again.

        Raises:
            PlanError: a question has no tokens.
            CheckpointError: the tokenizer, its chat template or mlx-lm's class fails.
        """
        for start in range(begin - begin % WINDOW, len(texts), WINDOW):
            asked = [self.prompt(text, max_tokens) for text in texts[start : start + WINDOW]]
            yield from self.continued(asked)[max(0, begin - start) :]

    def continued(self, prompts: Sequence[Prompt]) -> list[str]:
        """Return the greedy text that follows each prompt, up to a stop string, any EOS id or the bound.

        Raises:
            CheckpointError: mlx-lm's class fails.
        """
        texts = [""] * len(prompts)
        with upstream(self._checkpoint):
            for batch in _batches(prompts):
                rows = [_Row(prompts[number], self.tokenizer) for number in batch]
                tokens = max(len(row.prompt.tokens) + row.prompt.max_tokens for row in rows)
                with wired(self.model, tokens, len(rows)):
                    _continue(self.model, rows, self.tokenizer.vocabulary_size)
                for number, row in zip(batch, rows, strict=True):
                    texts[number] = row.text
        return texts


def respondent(checkpoint: Checkpoint, *, trust_remote_code: bool, progress: Progress) -> Respondent:
    """Load a checkpoint to be asked.

    On the CPU everything is computed in float32 with plain weights, on the GPU in the model's own dtype with its own.

    Args:
        checkpoint: sound.
        trust_remote_code: run code that comes with it.
        progress: told the bytes of the weights.

    Raises:
        RemoteCodeError: it wants code of its own to be run, and `trust_remote_code` is False.
        CheckpointError: its architecture, config or tokenizer cannot be used.
        IntegrityError: its tensors are not those that its config asks for.
    """
    opened = open_model(checkpoint, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(checkpoint, trust_remote_code=trust_remote_code)
    quantizing.plain(opened.model, is_quantized=opened.quantization is not None)
    evaluate(opened.model, "Loading weights", progress)
    return Respondent(checkpoint, opened.model, tokenizer)


class _Row:
    """One answer as it comes.

    Attributes:
        prompt: what it follows.
        text: what was said.
        is_over: whether it has ended.
    """

    def __init__(self, prompt: Prompt, tokenizer: Tokenizer) -> None:
        self.prompt = prompt
        self.text = ""
        self.is_over = False
        self._left = prompt.max_tokens
        self._eos_ids = tokenizer.eos_ids
        self._pieces = tokenizer.detokenizer()
        self._matcher = StopMatcher(prompt.stop)

    def feed(self, token: int) -> None:
        """Take the next token; what comes after the end is dropped."""
        if self.is_over:
            return
        is_end = token in self._eos_ids
        if not is_end:
            self._left -= 1
            self.text += self._matcher.feed(self._pieces.feed(token))
        if is_end or self._left == 0:
            self.text += self._matcher.feed(self._pieces.finish()) + self._matcher.finish()
        self.is_over = is_end or self._left == 0 or self._matcher.matched


def _batches(prompts: Sequence[Prompt]) -> list[list[int]]:
    """Return the prompts' numbers, shortest first, in batches of about the same length."""
    batches: list[list[int]] = []
    for number in sorted(range(len(prompts)), key=lambda number: len(prompts[number].tokens)):
        length = len(prompts[number].tokens)
        batch = batches[-1] if batches else []
        fits = len(batch) < BATCH and (len(batch) + 1) * length <= _BATCH_TOKENS
        if batch and fits and length - len(prompts[batch[0]].tokens) <= _SPREAD:
            batch.append(number)
        else:
            batches.append([number])
    return batches


def _continue(model: nn.Module, rows: Sequence[_Row], known: int) -> None:
    """Let a model continue rows side by side until all are over.

    Args:
        model: called as model(tokens (batch, time), cache=...), gives logits (batch, time, vocabulary).
        rows: shortest first.
        known: ids from here on stand for nothing, and are not drawn.
    """
    given = [row.prompt.tokens for row in rows]
    shared, longest = len(given[0]), len(given[-1])
    cache = prefilled(model, [tokens[: shared - 1] for tokens in given])
    token = mx.array([tokens[shared - 1] for tokens in given])
    steps = max(len(tokens) + row.prompt.max_tokens for tokens, row in zip(given, rows, strict=True)) - shared
    last = None
    for step in range(shared, shared + steps):
        token = mx.argmax(model(token[:, None], cache=cache)[:, -1, :known], axis=-1)
        if step < longest:
            own = mx.array([tokens[step] if step < len(tokens) else -1 for tokens in given])
            token = mx.where(own < 0, token.astype(mx.int32), own)
        mx.async_eval(token)  # type: ignore[no-untyped-call, unused-ignore]  # mlx does not declare its types
        # One step is under way while the last one's tokens are read.
        if last is not None and _all_over(rows, last, step - 1):
            return
        last = token
    if last is not None:
        _all_over(rows, last, shared + steps - 1)


def _all_over(rows: Sequence[_Row], tokens: mx.array, step: int) -> bool:
    """Give each row the token of its place `step`, if it is not one of its prompt; say whether all are over."""
    drawn: Any = tokens.tolist()
    for row, token in zip(rows, drawn, strict=True):
        if step >= len(row.prompt.tokens):
            row.feed(token)
    return all(row.is_over for row in rows)


def prefilled(model: nn.Module, rows: Sequence[Sequence[int]]) -> list[Any]:
    """Return mlx-lm's cache of rows of one length, which may be 0."""
    cache: list[Any] = make_prompt_cache(model)
    size = max(1, min(_PREFILL_STEP, _PREFILL_TOKENS // len(rows)))
    for start in range(0, len(rows[0]), size):
        model(mx.array([row[start : start + size] for row in rows]), cache=cache)  # its logits are not computed
        mx.eval([layer.state for layer in cache])
        mx.clear_cache()
    return cache
