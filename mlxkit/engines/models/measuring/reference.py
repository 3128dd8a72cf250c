"""The full-precision model's answers, kept as the inputs of its last matrix, and how far another model's are from them.

Logits would take the vocabulary's width for every token; the inputs of the head take the model's. The reference's
logits are computed again from them: the model is called with the head replaced by one that ignores what it is given and
applies the reference's head to what was kept. MLX is lazy, so that nothing but head and what follows it (a softcap, a
multiplier) is computed.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx import nn

from mlxkit.core.errors import CheckpointError
from mlxkit.core.progress import Progress

Linear = Callable[[mx.array], mx.array]

_FAR = 40.0
"""A divergence, in nats, whose exponential float32 holds with room for a sum."""

_NEAR = 0.5
_TERMS = 9
"""Up to 0.5, what follows the ninth term of the series is less than a rounding."""


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
    head = linear(copy.copy(unit))  # the model may be given other weights
    with progress.phase("Asking the original", rows.size, "count") as advance:
        for row in rows:
            hidden.append(head_inputs(model, unit, row[None]))
            advance(row.size)
    return Reference(rows, tuple(hidden), head, path)


def head_inputs(model: nn.Module, unit: nn.Module, tokens: mx.array) -> mx.array:
    """Return what the head is given, (rows, time, width), for tokens, (rows, time); its product is not computed."""
    found: list[mx.array] = []
    head = linear(unit)

    def keep(x: mx.array) -> mx.array:
        found.append(x)
        return head(x)

    with replaced_head(unit, keep):
        model(tokens)
    mx.eval(found)
    return found[0]


def head_path(model: nn.Module, units: Mapping[str, nn.Module]) -> str:
    """Return the path of the unit whose output becomes the logits.

    Raises:
        CheckpointError: there is none.
    """
    path = find_head_path(model, units)
    if path is None:
        raise CheckpointError(
            "The model's last matrix was not found: its quality cannot be measured.",
            hint="quantize it with --scheme, which needs no measurement",
        )
    return path


def find_head_path(model: nn.Module, units: Mapping[str, nn.Module]) -> str | None:
    """Return the path of the unit whose output becomes the logits; None when there is none."""
    vocabulary = model(mx.array([[0]])).shape[-1]
    for path in reversed(list(units)):
        shape = tuple(units[path].weight.shape[:-1])
        if shape == (vocabulary,) and _decides(model, units[path], vocabulary):
            return path
    return None


def _decides(model: nn.Module, unit: nn.Module, vocabulary: int) -> bool:
    """Whether the logits come out of a unit: where it says the same of two tokens, so do they."""
    with replaced_head(unit, lambda x: mx.zeros((*x.shape[:-1], vocabulary))):
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
    with replaced_head(head, lambda _: reference.head(hidden)):
        logits: mx.array = model(row[None])[0]
    return logits


@dataclass(frozen=True)
class Expected:
    """What a model expects: a distribution over the vocabulary, after each token.

    Attributes:
        logits: (..., vocabulary), float32.
        shares: (..., vocabulary), their probabilities.
        lse: (...), ln of the sum of their exponentials.
    """

    logits: mx.array
    shares: mx.array
    lse: mx.array


def expected(logits: mx.array) -> Expected:
    """Return what logits, (..., vocabulary), mean: in float32, because bfloat16 has too few bits for a sum."""
    logits = logits.astype(mx.float32)
    most = logits.max(-1, keepdims=True)
    grown = mx.exp(logits - most)  # the one costly operation here: nothing is exponentiated twice
    total = grown.sum(-1, keepdims=True)
    return Expected(logits, grown / total, (most + mx.log(total))[..., 0])


def kl(reference: mx.array, other: mx.array) -> mx.array:
    """Return the KL divergence of two sets of logits, (..., vocabulary) each, in nats: (...), float32."""
    return divergence(expected(reference), expected(other))


def divergence(reference: Expected, other: Expected) -> mx.array:
    """Return the KL divergence of two sets of distributions, from plain operations in float32.

        KL = sum_v p_v (ln p_v - ln q_v) = ln(1 + S),    S = sum_v p_v (e^-x_v - 1 + x_v),    x_v = d_v - sum_w p_w d_w

    with d the difference of the logits. No term of S is negative, and its error is a rounding of the difference, not of
    the logits themselves; where x is small the term is p x^2 (1/2 - x/6 + ...), elsewhere p e^-x is q times what does
    not depend on v. Equal logits give 0 exactly.

    Returns:
        (...), in nats.
    """
    p, q = reference.shares, other.shares
    held = mx.where(p > 0, reference.logits - other.logits, 0)  # a difference of two infinities is none
    mean = (p * held).sum(-1, keepdims=True)
    far = mean[..., 0] + other.lse - reference.lse
    x = held - mean
    grown = q * mx.exp(mx.minimum(far, _FAR))[..., None]
    terms = mx.where((mx.abs(x) < _NEAR) & (p > 0), p * _square(x), grown - p + p * x)
    total = terms.sum(-1)
    return mx.where(total < 1, mx.log1p(total), far)


def _square(x: mx.array) -> mx.array:
    """Return e^-x - 1 + x for |x| < `_NEAR`, to float32's precision, by its series."""
    series = mx.zeros_like(x)
    for term in range(_TERMS, 1, -1):
        series = series * x + (-1) ** term / math.factorial(term)
    return series * x * x


def linear(unit: nn.Module) -> Linear:
    """Return the unit's matrix product; an embedding's is the one it gives as a tied head."""
    base = type(unit)
    method = base.as_linear if hasattr(base, "as_linear") else base.__call__
    return lambda x: method(unit, x)


@contextmanager
def replaced_head(unit: nn.Module, call: Linear) -> Iterator[None]:
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
