"""Units that tell what passes through them, without a weight gradient being formed.

A watched unit's class is replaced by a subclass that sends its output through a function which changes nothing, and
whose derivative with respect to *taps*, arrays of zeros, is defined to be the statistics that are wanted, sums over
products of the unit's inputs and of the gradients that reach its outputs. One backward pass thus brings all statistics,
summed over the batch, as the gradients of all taps. The memory is that of the taps and of one layer's activations.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import mlx.core as mx
from mlx import nn

Statistics = dict[str, mx.array]
"""`moments`, `rows`, `columns` or `counts` to sums in float32."""

Taps = dict[str, dict[str, Statistics]]
"""Unit path and use (`linear`, `lookup`, `transposed`) to statistics."""

BLOCK = 1024
"""Largest side of one block of second moments."""

LEAST = 0.25
"""What each token counts for in the moments at least, as a share of the mean: one that hardly mattered as the model is
may matter once it is rounded."""


def block_of(width: int) -> int:
    """Return the side of the square blocks that second moments of a width are kept in.

    The largest divisor of `width` that is at most `BLOCK` and a multiple of the largest group size that divides it.

    >>> block_of(14336), block_of(256), block_of(2880)
    (1024, 256, 960)
    """
    grain = next((size for size in (128, 64, 32) if width % size == 0), 1)
    steps = width // grain
    return grain * max(count for count in range(1, max(1, BLOCK // grain) + 1) if steps % count == 0)


def zeros(unit: nn.Module, width: int) -> dict[str, Statistics]:
    """Return the empty taps of a unit, by what kind of module it is; they take no memory."""
    block, shape = block_of(width), tuple(unit.weight.shape[:-1])
    taps = {"linear": {"moments": _empty(width // block, block, block), "rows": _empty(*shape[-1:])}}
    if hasattr(unit, "as_linear"):
        taps["lookup"] = {"columns": _empty(width), "counts": _empty(*shape)}
    elif hasattr(unit, "num_experts"):
        taps["linear"]["counts"] = _empty(*shape[:1])
    elif _is_headed(type(unit)):
        taps["linear"]["rows"] = _empty(*shape)
        taps["transposed"] = dict(taps["linear"])
    return taps


def _empty(*shape: int) -> mx.array:
    return mx.broadcast_to(mx.zeros(()), shape)


def _is_headed(kind: type[nn.Module]) -> bool:
    """Whether it is one of latent attention's matrices: one per head, used in both directions."""
    return "MultiLinear" in kind.__name__


@contextmanager
def watched(model: nn.Module, units: Mapping[str, nn.Module]) -> Iterator[Callable[[Taps], None]]:
    """Watch units, and recompute each layer in the backward pass instead of keeping its activations.

    Yields:
        A function that says into which taps the next forward pass goes.
    """
    current: Taps = {}
    classes = [type(unit) for unit in units.values()]
    for path, unit in units.items():
        unit.__class__ = _unit_class(type(unit), path, current)
    try:
        with recomputed(model, units, current):
            yield current.update
    finally:
        for unit, known in zip(units.values(), classes, strict=True):
            unit.__class__ = known


@contextmanager
def recomputed(model: nn.Module, units: Mapping[str, nn.Module], current: dict[str, Any]) -> Iterator[None]:
    """Compute each layer again in the backward pass, instead of keeping its activations.

    Args:
        model: one with a `layers` attribute.
        units: path to module.
        current: unit path to the arrays that it is computed with. A layer's own are handed to it: no derivative leaves
            it for any others.
    """
    layers = list(model.layers)
    classes = [type(layer) for layer in layers]
    for layer in layers:
        paths = [path for path, unit in units.items() if any(unit is inner for inner in layer.modules())]
        layer.__class__ = _layer_class(type(layer), paths, current)
    try:
        yield
    finally:
        for layer, known in zip(layers, classes, strict=True):
            layer.__class__ = known


def _layer_class(base: type[nn.Module], paths: list[str], current: dict[str, Any]) -> type[nn.Module]:
    class Recomputed(base):  # type: ignore[misc]
        def __call__(self, *args: Any, **options: Any) -> Any:
            outside = {path: current[path] for path in paths}

            def inner(inside: dict[str, Any], *args: Any, **options: Any) -> Any:
                current.update(inside)
                try:
                    return super(Recomputed, self).__call__(*args, **options)
                finally:
                    current.update(outside)

            return mx.checkpoint(inner)(outside, *args, **options)

    return Recomputed


def _unit_class(base: type[nn.Module], path: str, current: Taps) -> type[nn.Module]:
    class Watched(base):  # type: ignore[misc]
        def __call__(self, x: mx.array, *args: Any, **options: Any) -> mx.array:
            y = super().__call__(x, *args, **options)
            taps = current[path]
            if hasattr(base, "as_linear"):
                return _tapped(y, taps["lookup"], lambda c: {"columns": _squares(c, (-1,)), "counts": _counts(x, self)})
            if _is_headed(base):
                if options.get("transpose", args[0] if args else True):
                    return _tapped(y, taps["linear"], lambda c: _statistics(x, c, (-3, -1)))
                # Against its direction the weight's rows meet the inputs, and its columns the gradients.
                return _tapped(y, taps["transposed"], lambda c: _statistics(c, x, (-3, -1)))
            if hasattr(self, "num_experts"):
                return _tapped(y, taps["linear"], lambda c: {**_statistics(x, c), "counts": _counts(args[0], self)})
            return _tapped(y, taps["linear"], lambda c: _statistics(x, c))

        def as_linear(self, x: mx.array) -> mx.array:
            return _tapped(super().as_linear(x), current[path]["linear"], lambda c: _statistics(x, c))

    return Watched


def _tapped(value: mx.array, taps: Statistics, statistics: Callable[[mx.array], Statistics]) -> mx.array:
    """Return `value`; the derivatives with respect to `taps` are statistics of the gradient that reaches it."""

    @mx.custom_function
    def same(value: mx.array, _taps: Statistics) -> mx.array:
        return value

    @same.vjp
    def _(_primals: Any, cotangent: mx.array, _output: mx.array) -> tuple[mx.array, Statistics]:
        return cotangent, statistics(cotangent)

    return cast("mx.array", same(value, taps))


def _statistics(columns: mx.array, rows: mx.array, kept: tuple[int, ...] = (-1,)) -> Statistics:
    """Return what a weight's columns meet, weighted with what its rows meet, and the reverse.

    How large a token's inputs are and how large its gradients are go together, or against each other: the first token
    of a text often has by far the largest inputs and hardly any gradient. So neither is summed without the other.

        moments = sum_t (|g_t|^2 + LEAST mean |g|^2) x_t x_t^T        rows_r = sum_t |x_t|^2 g_tr^2

    Args:
        columns: x, (..., width).
        rows: g, (..., rows); other axes broadcast with those of x.
        kept: axes of `rows` that are kept.
    """
    columns, rows = columns.astype(mx.float32), rows.astype(mx.float32)
    energy, weights = (mx.square(values).sum(-1, keepdims=True) for values in (columns, rows))
    weighted = columns * mx.sqrt(weights + LEAST * weights.mean())
    return {"moments": _moments(weighted), "rows": _squares(rows * mx.sqrt(energy), kept)}


def _moments(values: mx.array) -> mx.array:
    """Return the sum of x x^T in blocks, (blocks, block, block), of (..., width)."""
    width = values.shape[-1]
    rows = values.reshape(-1, width // block_of(width), block_of(width)).swapaxes(0, 1)
    return rows.swapaxes(-1, -2) @ rows


def _squares(values: mx.array, kept: tuple[int, ...]) -> mx.array:
    """Return squares summed over all axes but those kept."""
    axes = [axis for axis in range(values.ndim) if axis - values.ndim not in kept]
    return mx.square(values.astype(mx.float32)).sum(axes)


def _counts(indices: mx.array, unit: nn.Module) -> mx.array:
    """Return how often each index occurs, (length of the weight's first axis,), float32."""
    flat = indices.reshape(-1)
    return mx.zeros((unit.weight.shape[0],)).at[flat].add(mx.ones(flat.shape))
