"""The full-precision model's answers, kept as the inputs of its last matrix, and how far another model's are from them.

Logits would take the vocabulary's width for every token; the inputs of the head take the model's. The reference's
logits are computed again from them: the model is called with the head replaced by one that ignores what it is given and
applies the reference's head to what was kept. MLX is lazy, so that nothing but head and what follows it (a softcap, a
multiplier) is computed.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx import nn

from mlxkit.core.errors import CheckpointError
from mlxkit.core.progress import Progress

Linear = Callable[[mx.array], mx.array]


@dataclass(frozen=True)
class Reference:
    """What the reference answers to each row of text.

    Attributes:
        rows: (count, length), token ids.
        hidden: per row, the inputs of its head, (1, length, width).
        head: the reference's last matrix.
        path: the head's module path.
    """

    rows: mx.array
    hidden: tuple[mx.array, ...]
    head: Linear
    path: str


def reference(model: nn.Module, units: Mapping[str, nn.Module], rows: mx.array, progress: Progress) -> Reference:
    """Run the reference over text, one row at a time.

    Args:
        model: at the precision that counts as the original's.
        units: path to module.
        rows: (count, length), token ids.
        progress: told the tokens done.

    Raises:
        CheckpointError: the model's logits do not come out of one of its units.
    """
    path = head_path(model, units)
    unit, hidden = units[path], []
    head = _linear(copy.copy(unit))  # the model may be given other weights
    with progress.phase("Asking the original", rows.size, "count") as advance:
        for row in rows:
            found: list[mx.array] = []

            def keep(x: mx.array, found: list[mx.array] = found) -> mx.array:
                found.append(x)
                return head(x)

            with _replaced_head(unit, keep):
                model(row[None])
            mx.eval(found)
            hidden.append(found[0])
            advance(row.size)
    return Reference(rows, tuple(hidden), head, path)


def head_path(model: nn.Module, units: Mapping[str, nn.Module]) -> str:
    """Return the path of the unit whose output becomes the logits.

    Raises:
        CheckpointError: there is none.
    """
    vocabulary = model(mx.array([[0]])).shape[-1]
    for path in reversed(list(units)):
        shape = tuple(units[path].weight.shape[:-1])
        if shape == (vocabulary,) and _decides(model, units[path], vocabulary):
            return path
    raise CheckpointError(
        "The model's last matrix was not found: its quality cannot be measured.",
        hint="quantize it with --scheme, which needs no measurement",
    )


def _decides(model: nn.Module, unit: nn.Module, vocabulary: int) -> bool:
    """Whether the logits come out of a unit: where it says the same of two tokens, so do they."""
    with _replaced_head(unit, lambda x: mx.zeros((*x.shape[:-1], vocabulary))):
        return bool(mx.array_equal(model(mx.array([[0]])), model(mx.array([[1]]))).item())


def divergences(model: nn.Module, reference: Reference, head: nn.Module, progress: Progress) -> list[mx.array]:
    """Return KL(reference || model) at each token, in nats: per row of text an array (length,), float32.

    Args:
        model: the one to judge.
        reference: what to judge it by.
        head: the judged model's module at `reference.path`.
        progress: told the tokens done.
    """
    found = []
    with progress.phase("Measuring what was lost", reference.rows.size, "count") as advance:
        for row, hidden in zip(reference.rows, reference.hidden, strict=True):
            found.append(kl(reference_logits(model, head, reference, row, hidden), model(row[None])[0]))
            mx.eval(found[-1])
            advance(row.size)
    return found


def reference_logits(
    model: nn.Module, head: nn.Module, reference: Reference, row: mx.array, hidden: mx.array
) -> mx.array:
    """Return the reference's logits for one row, (length, vocabulary), by way of any model of its architecture."""
    with _replaced_head(head, lambda _: reference.head(hidden)):
        logits: mx.array = model(row[None])[0]
    return logits


def kl(reference: mx.array, other: mx.array) -> mx.array:
    """Return the KL divergence of two sets of logits, from plain operations in float32.

        KL = sum_v p_v (ln p_v - ln q_v)

    Args:
        reference: (..., vocabulary).
        other: (..., vocabulary).

    Returns:
        (...), in nats.
    """
    p, q = reference.astype(mx.float32), other.astype(mx.float32)
    p, q = (x - mx.logsumexp(x, axis=-1, keepdims=True) for x in (p, q))
    return (mx.exp(p) * (p - q)).sum(-1)


def _linear(unit: nn.Module) -> Linear:
    """Return the unit's matrix product; an embedding's is the one it gives as a tied head."""
    base = type(unit)
    method = base.as_linear if hasattr(base, "as_linear") else base.__call__
    return lambda x: method(unit, x)


@contextmanager
def _replaced_head(unit: nn.Module, call: Linear) -> Iterator[None]:
    """Let a unit's matrix product be another function for a while; its lookup stays."""
    base: type[nn.Module] = type(unit)

    if hasattr(base, "as_linear"):

        class Tied(base):  # type: ignore[misc]
            def as_linear(self, x: mx.array) -> mx.array:
                return call(x)

        unit.__class__ = Tied
    else:

        class Untied(base):  # type: ignore[misc]
            def __call__(self, x: mx.array, *_: Any) -> mx.array:
                return call(x)

        unit.__class__ = Untied
    try:
        yield
    finally:
        unit.__class__ = base
