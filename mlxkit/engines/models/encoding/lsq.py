"""Least squares: the scale and bias of each group that lose least, in the format that MLX stores.

MLX takes scale and bias from a group's extremes. Here that choice is the first candidate among narrower ranges; for
each, rounding codes and solving for scale and bias take turns (Lloyd's algorithm on an even grid), and the best that
was seen stays. llama.cpp's `make_qkx2_quants` does the same for its formats.
"""

import mlx.core as mx

from mlxkit.engines.models.encoding import grid

RANGES = (1.0, 0.9, 0.8, 0.7, 0.6)
"""Shares of a group's range that the search starts from."""

TURNS = 3
"""How often codes and scales take turns, from each start."""

_EXPONENT = 0x7F800000  # of a float32


def fit(
    groups: mx.array, top: mx.array | float, dtype: mx.Dtype, importance: mx.array | None = None
) -> tuple[mx.array, mx.array]:
    """Return the scale and bias of each group.

        minimize  sum_j a_j (w_j - s q_j - b)^2   over s, b and the codes q

    Never worse than MLX's own choice, for any group.

    Args:
        groups: (..., group_size), float32, finite.
        top: the largest code, 2**bits - 1; a number, or an array that broadcasts with (..., 1).
        dtype: what scale and bias are stored in.
        importance: a_j, positive, broadcasts with `groups`; None for all the same.

    Returns:
        Scales and biases, (..., 1) each, float32 that `dtype` holds exactly.
    """
    top = mx.array(top, mx.float32)
    importance = mx.broadcast_to(mx.ones((1,)) if importance is None else importance, groups.shape)
    importance = importance / importance.max(-1, keepdims=True)
    unit = magnitude(groups)
    groups = groups / unit
    scales, biases = (stored(value, unit, dtype) for value in grid.min_max(groups, top, unit))
    _, best = _rounded(groups, scales, biases, top, importance)
    high, low = groups.max(-1, keepdims=True), groups.min(-1, keepdims=True)
    for share in RANGES:
        scale = mx.maximum((high - low) * share / top, 1e-8)
        bias = ((high + low) - (high - low) * share) / 2
        codes = grid.codes(groups, scale, bias, top)
        for _ in range(TURNS):
            scale, bias = (stored(value, unit, dtype) for value in _solved(groups, codes, scale, importance))
            codes, loss = _rounded(groups, scale, bias, top, importance)
            is_better = loss < best
            best = mx.where(is_better, loss, best)
            scales, biases = mx.where(is_better, scale, scales), mx.where(is_better, bias, biases)
    return scales * unit, biases * unit


def magnitude(groups: mx.array) -> mx.array:
    """Return the power of two below each group's largest value: dividing by it is exact, and no square overflows."""
    largest = mx.maximum(mx.abs(groups).max(-1, keepdims=True), 2.0**-60)
    return (largest.view(mx.uint32) & _EXPONENT).view(mx.float32)


def stored(values: mx.array, unit: mx.array, dtype: mx.Dtype) -> mx.array:
    """Return values, given in a unit, as they are after they were stored."""
    return grid.rounded(values * unit, dtype) / unit


def _solved(groups: mx.array, codes: mx.array, scales: mx.array, importance: mx.array) -> tuple[mx.array, mx.array]:
    """Return the weighted least-squares line through (code, weight); where all codes are alike, of the given slope."""
    weighted = importance * codes
    a, aq, aqq = (x.sum(-1, keepdims=True) for x in (importance, weighted, weighted * codes))
    aw, aqw = (x.sum(-1, keepdims=True) for x in (importance * groups, weighted * groups))
    spread = a * aqq - aq * aq
    is_solvable = spread > 1e-6 * a * aqq
    slope = mx.where(is_solvable, (a * aqw - aq * aw) / mx.where(is_solvable, spread, 1), scales)
    return slope, (aw - slope * aq) / a


def _rounded(
    groups: mx.array, scales: mx.array, biases: mx.array, top: mx.array, importance: mx.array
) -> tuple[mx.array, mx.array]:
    """Return the codes of weights, and what is lost with them."""
    codes = grid.codes(groups, scales, biases, top)
    error = groups - scales * codes - biases
    return codes, (importance * error * error).sum(-1, keepdims=True)
