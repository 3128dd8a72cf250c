"""Rows of tokens to measure on: text that the model writes itself, or the user's, cut to one length.

On text that a model draws from its own distribution, the mean KL divergence of a smaller copy per token is the one of
whole texts: how often the copy would have written something else. It needs no one's text and no network.
"""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import make_prompt_cache

from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Advance, Progress
from mlxkit.core.text import Document, Text
from mlxkit.engines.models.tokenizing import Tokenizer
from mlxkit.engines.models.wiring import wired

BATCH = 16
"""Rows that are written side by side: a step reads every weight, for one row or for many."""


def sampled(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    *,
    count: int,
    length: int,
    seed: int | str,
    progress: Progress,
) -> Text:
    """Return text that the model writes at temperature 1, past every end: then it writes the next turn.

    Every other row is open: it begins where a user's first words would, or, without a chat template, with the token
    that begins a text, and the model writes all of it. The rows between them begin with the prompts in turn. At most a
    quarter of a row is given.

    The same arguments give the same rows, on the same platform.

    Args:
        model: the mlx-lm module; it is not changed.
        tokenizer: the checkpoint's.
        prompts: at least one.
        count: rows.
        length: tokens in each, at least 2.
        seed: another one gives other text.
        progress: told the tokens.

    Raises:
        CheckpointError: the tokenizer or its chat template fails.
    """
    beginnings = _beginnings(tokenizer, prompts, count, max(1, length // 4))
    rows: list[list[int]] = []
    with (
        wired(model, length, min(count, BATCH)),
        progress.phase("Writing text", count * length, "count") as advance,
    ):
        for start in range(0, count, BATCH):
            key = _key(seed, start // BATCH)
            rows += _continued(
                model, beginnings[start : start + BATCH], length, key, tokenizer.vocabulary_size, advance
            )
    return Text(tuple(map(tuple, rows)), f"self-generated, seed {seed}")


def tokenized(
    tokenizer: Tokenizer, documents: Sequence[Document], *, count: int, length: int, name: str, hint: str
) -> Text:
    """Return the first rows of documents that are put one after the other.

    A text is followed by the EOS token, if the tokenizer has one. A conversation is not: its template ends its turns.

    Args:
        tokenizer: the checkpoint's.
        documents: in the order in which they are taken.
        count: rows at most; fewer if there is no more text.
        length: tokens in each, at least 1.
        name: what the text is called, for the record and for messages.
        hint: what to do where there is too little of it.

    Raises:
        PlanError: there is less text than one row, or a conversation and no chat template.
        CheckpointError: the tokenizer or its chat template fails.
    """
    tokens: list[int] = []
    ends: list[int] = []
    for document in documents:
        tokens += _tokens(tokenizer, document, name)
        ends.append(len(tokens))
        if len(tokens) >= count * length:
            break
    if len(tokens) < length:
        raise PlanError(
            f"{name!r} is too short: a row is {length} tokens, and there are {len(tokens)} in all.",
            hint=hint,
        )
    starts = range(0, len(tokens) - length + 1, length)[:count]
    rows = tuple(tuple(tokens[at : at + length]) for at in starts)
    digests = [document.digest for document in documents[: len(ends)]]
    # A document that ends where a row begins has no token in it: hence the one before the row's last token.
    held = ((bisect_right(ends, at), bisect_right(ends, at + length - 1)) for at in starts)
    return Text(rows, f"text of {name}", tuple(tuple(digests[first : last + 1]) for first, last in held))


def _beginnings(tokenizer: Tokenizer, prompts: Sequence[str], count: int, most: int) -> list[list[int]]:
    """Return what each row begins with: 1 to `most` tokens."""
    prompted = [_prompted(tokenizer, prompts[number % len(prompts)]) for number in range(max(1, count // 2))]
    opening = _opening(tokenizer) or prompted[0][:1]
    return [(prompted[number // 2] if number % 2 else opening)[:most] for number in range(count)]


def _prompted(tokenizer: Tokenizer, prompt: str) -> list[int]:
    if tokenizer.has_template:
        return tokenizer.conversation([{"role": "user", "content": prompt}], answering=True)
    return tokenizer.encode(prompt)


def _opening(tokenizer: Tokenizer) -> list[int]:
    """Return what stands before all text; empty if there is no such thing."""
    written = tokenizer.open_prefix() if tokenizer.has_template else []
    return written or [token for token in (tokenizer.bos_id, tokenizer.eos_id) if token is not None][:1]


def _key(seed: int | str, number: int) -> mx.array:
    """Return the random key of one batch: no global state, and no seed's batch is another seed's."""
    key: mx.array = mx.random.key(int.from_bytes(sha256(f"{seed}/{number}".encode()).digest()[:8], "big"))
    return key


def _continued(
    model: nn.Module, beginnings: Sequence[Sequence[int]], length: int, key: mx.array, known: int, advance: Advance
) -> list[list[int]]:
    """Return rows of `length` tokens that go on from their beginnings, drawn side by side.

    Where some beginnings are longer than the shortest, their tokens take the place of what would be drawn.

    Args:
        model: called as model(tokens (batch, time), cache=...), gives logits (batch, time, vocabulary).
        beginnings: 1 to `length` - 1 tokens each.
        length: tokens of a row.
        key: (2,), uint32.
        known: ids from here on stand for nothing, and are not drawn.
        advance: told the tokens.
    """
    cache: list[Any] = make_prompt_cache(model)
    shared = min(map(len, beginnings))
    sizes = mx.array([len(row) for row in beginnings])
    given = mx.array([[*row, *[0] * (length - len(row))] for row in beginnings], dtype=mx.uint32)
    if shared > 1:
        model(given[:, : shared - 1], cache=cache)  # its logits are not wanted, and not computed
        mx.eval([layer.state for layer in cache])
    columns = [given[:, :shared]]
    token = given[:, shared - 1]
    advance(len(beginnings) * shared)
    for step, step_key in enumerate(mx.random.split(key, length - shared), start=shared):
        # In bfloat16 the noise that draws would be rounded to a few values.
        logits = model(token[:, None], cache=cache)[:, -1, :known].astype(mx.float32)
        drawn = mx.random.categorical(logits, key=step_key)
        token = mx.where(step < sizes, given[:, step], drawn)
        mx.async_eval(token)  # type: ignore[no-untyped-call, unused-ignore]  # mlx does not declare its types
        mx.eval(columns[-1])  # one step is under way while the next is prepared, never more
        columns.append(token[:, None])
        advance(len(beginnings))
    rows: Any = mx.concatenate(columns, axis=1).tolist()
    return list(rows)


def _tokens(tokenizer: Tokenizer, document: Document, name: str) -> list[int]:
    if document.messages is None:
        tokens = tokenizer.encode(document.text or "")
        ending = [] if tokenizer.eos_id is None or tokens[-1:] == [tokenizer.eos_id] else [tokenizer.eos_id]
        return tokens + ending
    if not tokenizer.has_template:
        raise PlanError(
            f"{name!r} holds conversations, and the model has no chat template to write them with.",
            hint='give plain text: .txt, or lines of {"text": ...}',
        )
    return tokenizer.conversation(document.messages)
