"""A model as an examiner takes it: how likely it holds given text to be, and what it says next.

Made for lm-evaluation-harness, of which it knows nothing. mlx-lm has a class of its own for that, MLXLM, which is not
used: it loads configs as they are written, generates to the end of up to 8192 tokens before it looks for a stop string,
takes the bound of an answer for that of the prompt, leaves the first token of a text out, and needs caches that merge.
"""

import copy
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import mlx.core as mx
from mlx import nn

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError
from mlxkit.core.progress import Advance, Progress
from mlxkit.core.speaking import Message
from mlxkit.engines.models.answering import WINDOW, Prompt, Respondent, prefilled
from mlxkit.engines.models.loading import upstream
from mlxkit.engines.models.wiring import wired

_STEP = 256  # tokens whose logits are in memory at once
_UNKNOWN_CONTEXT = 2048  # what lm-evaluation-harness takes for a model that does not tell

Pair = tuple[Sequence[int], Sequence[int]]
"""Tokens that are given, at least one, and those that follow."""


class Examinee:
    """A model under examination.

    Args:
        checkpoint: what it was made of.
        respondent: the loaded model.
        progress: told the texts.

    Attributes:
        name: the checkpoint's.
        has_template: whether prompts are written by a chat template.
        context_tokens: how long a row may be; of a longer one the beginning is left out.
    """

    def __init__(self, checkpoint: Checkpoint, respondent: Respondent, progress: Progress) -> None:
        self._checkpoint = checkpoint
        self._respondent = respondent
        self._tokenizer = respondent.tokenizer
        self._progress = progress
        self.name = checkpoint.name
        self.has_template = respondent.has_template
        self.context_tokens = _context_tokens(checkpoint.config)

    @property
    def prefix_id(self) -> int:
        """The token before the first one of a text: BOS, or EOS where there is no BOS.

        Raises:
            CheckpointError: the tokenizer has neither.
        """
        found = self._tokenizer.eos_id if self._tokenizer.bos_id is None else self._tokenizer.bos_id
        if found is None:
            raise CheckpointError(
                f"The tokenizer of {self.name!r} has neither a BOS nor an EOS token: no text can begin.",
                hint="compare its tokenizer files with the original's",
            )
        return found

    def encode(self, text: str, *, is_whole: bool) -> list[int]:
        """Return a text's tokens; one that is whole, as what a template wrote is, gets none around it."""
        return self._tokenizer.continuation(text) if is_whole else self._tokenizer.encode(text)

    def written(self, messages: Sequence[Message], *, answering: bool) -> str:
        """Return a conversation as the chat template writes it: to the assistant's turn, or with the last turn open."""
        return self._tokenizer.written(messages, answering=answering, is_open=not answering)

    def likelihoods(self, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
        """Return of each pair the log-probability of what follows, in nats, and whether greedy text is the same.

        What neighbours are given in common is computed once.

        Raises:
            CheckpointError: mlx-lm's class fails.
        """
        found: list[tuple[float, bool]] = []
        rows = [_cut(pair, self.context_tokens) for pair in pairs]
        with (
            upstream(self._checkpoint),
            wired(self._respondent.model, max(len(given) + len(follows) for given, follows in rows)),
            self._progress.phase("Weighing answers", len(rows), "count") as advance,
        ):
            for given, group in groupby(rows, key=lambda row: row[0]):
                found += _weighed(self._respondent.model, given, (follows for _, follows in group), advance)
        return found

    def continued(self, asked: Sequence[tuple[Sequence[int], tuple[str, ...], int]]) -> list[str]:
        """Return the greedy text after rows of tokens.

        Args:
            asked: tokens, the strings that end the text, and its tokens at most.

        Raises:
            CheckpointError: mlx-lm's class fails.
        """
        prompts = []
        for tokens, stop, most in asked:
            bound = min(most, self.context_tokens - 1)
            prompts.append(Prompt(tuple(tokens[bound - self.context_tokens :]) or (self.prefix_id,), bound, stop))
        said: list[str] = []
        with self._progress.phase("Answering", len(prompts), "count") as advance:
            for start in range(0, len(prompts), WINDOW):
                window = prompts[start : start + WINDOW]
                said += self._respondent.continued(window)
                advance(len(window))
        return said


def _context_tokens(config: Any) -> int:
    text = config.get("text_config")
    for section in (config, text if isinstance(text, dict) else {}):
        found = section.get("max_position_embeddings")
        if isinstance(found, int) and found > 1:
            return found
    return _UNKNOWN_CONTEXT


def _cut(pair: Pair, most: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a pair whose row, all but its last token, has `most` tokens: its beginning is left out."""
    given, follows = tuple(pair[0]), tuple(pair[1])[-most:]
    return given[-max(1, most + 1 - len(follows)) :], follows


def _weighed(
    model: nn.Module, given: tuple[int, ...], choices: Iterable[tuple[int, ...]], advance: Advance
) -> list[tuple[float, bool]]:
    """Return the likelihoods of tokens that may follow the same ones."""
    cache = prefilled(model, [given[:-1]])
    found = []
    for follows in choices:
        found.append(_weigh(model, copy.deepcopy(cache), (*given[-1:], *follows)))
        advance(1)
    return found


def _weigh(model: nn.Module, cache: list[Any], row: tuple[int, ...]) -> tuple[float, bool]:
    """Return the log-probability of all tokens of a row but the first, and whether each is the likeliest."""
    total, is_greedy = 0.0, True
    for start in range(0, len(row) - 1, _STEP):
        tokens = mx.array([row[start : start + _STEP + 1]])
        targets = tokens[:, 1:, None]
        logits = model(tokens[:, : targets.shape[1]], cache=cache).astype(mx.float32)
        told = mx.take_along_axis(logits, targets, axis=-1)[..., 0] - mx.logsumexp(logits, axis=-1)
        same = mx.all(mx.argmax(logits, axis=-1) == targets[..., 0])
        mx.eval(told, same)
        total += float(told.sum())
        is_greedy = is_greedy and bool(same)
    return total, is_greedy
