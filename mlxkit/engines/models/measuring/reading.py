"""A model that reads text and says what it expects next; and what another model's answers lose against that.

What the original says is kept as the inputs of its last matrix, which are as narrow as the model, and its logits are
computed again from them: exactly, with nothing of it in memory but that matrix. Where logits come from elsewhere, they
are kept themselves.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import mlx.core as mx
from mlx import nn

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError, IntegrityError
from mlxkit.core.quality import Judged
from mlxkit.engines.models import quantizing
from mlxkit.engines.models.loading import open_model, upstream
from mlxkit.engines.models.measuring.reference import (
    Expected,
    divergence,
    expected,
    find_head_path,
    head_inputs,
    linear,
    replaced_head,
)
from mlxkit.engines.models.measuring.workbench import units

PIECE = 128
"""Tokens whose probabilities are in memory at a time: in float32 they take 80 MB for a vocabulary of 150,000."""

_HIDDEN, _LOGITS = "hidden", "logits"


class Reader:
    """A checkpoint's model, opened to read; its weights come into memory when it does.

    On the CPU it computes in float32 from plain weights, on the GPU in the dtypes and with the products that it has.

    Args:
        checkpoint: sound.
        trust_remote_code: run code that comes with it.

    Attributes:
        model: the mlx-lm module.
        notes: what a user should know about how mlx-lm computes it.
        vocabulary: how many logits it has.
        head_path: the module whose output becomes the logits; None where there is none.

    Raises:
        MlxkitError: as `open_model`.
    """

    def __init__(self, checkpoint: Checkpoint, *, trust_remote_code: bool) -> None:
        self._checkpoint = checkpoint
        opened = open_model(checkpoint, trust_remote_code=trust_remote_code)
        self.model, self.notes = opened.model, opened.notes
        quantizing.plain(self.model, is_quantized=opened.quantization is not None)
        with upstream(checkpoint):
            self.vocabulary = int(self.model(mx.array([[0]])).shape[-1])
            self.head_path = find_head_path(self.model, units(self.model))

    @cached_property
    def _head(self) -> nn.Module:
        return units(self.model)[str(self.head_path)]

    def logits(self, tokens: mx.array) -> mx.array:
        """Return what it expects after each token: (rows, time) token ids to (rows, time, vocabulary)."""
        with upstream(self._checkpoint):
            found: mx.array = self.model(tokens)
            mx.eval(found)
        return found

    def answers(self, tokens: mx.array) -> dict[str, mx.array]:
        """Return what has to be kept to have `logits` again.

        Args:
            tokens: (rows, time), token ids.

        Returns:
            ``hidden``, (rows, time, width), or ``logits``, (rows, time, vocabulary).
        """
        if self.head_path is None:
            return {_LOGITS: self.logits(tokens)}
        with upstream(self._checkpoint):
            return {_HIDDEN: head_inputs(self.model, self._head, tokens)}

    def recalled(self, answers: Mapping[str, mx.array]) -> mx.array:
        """Return the logits of what was kept, (rows, time, vocabulary): MLX is lazy, and only the head is computed."""
        if _LOGITS in answers:
            return answers[_LOGITS]
        hidden = answers[_HIDDEN]
        head = linear(self._head)
        with upstream(self._checkpoint), replaced_head(self._head, lambda _: head(hidden)):
            found: mx.array = self.model(mx.zeros(hidden.shape[:2], mx.uint32))
            mx.eval(found)
        return found


Open = Callable[..., Reader]
"""Opens a checkpoint's model to read with, as `Reader` itself does."""


def judge(row: Sequence[int], reader: Reader, original: tuple[Reader, Mapping[str, mx.array]] | None = None) -> Judged:
    """Return what a row of text says of a model.

    Args:
        row: token ids, at least two.
        reader: the model.
        original: the original's reader, and its answers to the row.

    Raises:
        IntegrityError: a logit is NaN.
    """
    logits = reader.logits(inputs(row))[0]
    reference = original[0].recalled(original[1])[0] if original else None
    return judged(logits, mx.array([*row[1:]]), reference)


def inputs(row: Sequence[int]) -> mx.array:
    """Return what is read of a row, (1, time - 1): nothing is known of what follows its last token."""
    return mx.array([[*row[:-1]]])


def noise(reader: Reader, rows: Sequence[Sequence[int]], kept: Sequence[Mapping[str, mx.array]]) -> list[float]:
    """Return the KL of a model against itself, in nats at each token, where rows are read two at a time and shorter.

    No product has the shape that it had: sums are taken in another order.

    Args:
        reader: the model.
        rows: one or two, of one length; one is read twice.
        kept: its answers to each of them by itself.
    """
    both = mx.concatenate([inputs(row) for row in (*rows, *rows)[:2]])
    both = both[:, : max(1, both.shape[1] * 7 // 8)]
    together = reader.recalled(reader.answers(both))
    found: list[float] = []
    for number, answers in enumerate(kept):
        alone = reader.recalled(answers)[0, : both.shape[1]]
        found += judged(together[number], both[number], alone).kl_nats
    return found


def watch_memory() -> Callable[[], int]:
    """Return what tells the most bytes that MLX held since now."""
    mx.reset_peak_memory()
    return mx.get_peak_memory


def release() -> None:
    """Give back the memory of models that nobody holds any more."""
    gc.collect()
    mx.clear_cache()


def judged(logits: mx.array, tokens: mx.array, reference: mx.array | None = None) -> Judged:
    """Return what one row of text says of a model.

    Args:
        logits: (time, vocabulary), what the model expects after each of the row's tokens.
        tokens: (time,), the tokens that came.
        reference: (time, vocabulary), the original's logits.

    Raises:
        IntegrityError: a logit is NaN.
    """
    pieces = []
    for at in range(0, len(tokens), PIECE):
        part = slice(at, at + PIECE)
        ours = expected(logits[part])
        found = [_nll(ours, tokens[part])]
        if reference is not None:
            theirs = expected(reference[part])
            agrees = theirs.logits.argmax(-1) == ours.logits.argmax(-1)
            found += [divergence(theirs, ours), _nll(theirs, tokens[part]), agrees]
        mx.eval(found)
        pieces.append(found)
    columns: list[Any] = [mx.concatenate(list(column)) for column in zip(*pieces, strict=True)]
    if any(mx.isnan(column).any().item() for column in columns):
        raise IntegrityError("The model answers with NaN.", hint="fetch it or make it again; `mlxkit inspect` it")
    return Judged(*(tuple(column.tolist()) for column in columns))  # nll, KL, the original's nll, agreement


def _nll(said: Expected, tokens: mx.array) -> mx.array:
    """Return -ln p of tokens, (time,), in nats, float32."""
    return said.lse - mx.take_along_axis(said.logits, tokens[:, None], axis=-1)[:, 0]


def demand_same_vocabulary(model: Reader, original: Reader, names: tuple[str, str]) -> None:
    """Refuse two models whose answers have no common measure.

    Args:
        model: the one to judge.
        original: what to judge it by.
        names: of both, for the message.

    Raises:
        CheckpointError: one has more logits than the other.
    """
    if model.vocabulary != original.vocabulary:
        raise CheckpointError(
            f"{names[0]!r} has {model.vocabulary:,} logits and {names[1]!r} {original.vocabulary:,}: "
            "their answers cannot be compared.",
            hint="name its own original with --reference",
        )
