"""The affine grid: codes on evenly spaced levels, w = scale x code + bias, and how MLX packs them.

Arithmetic is float32; scales and biases are rounded to the dtype they are stored in wherever codes are chosen for them,
so that what is compared is what a reader decodes.
"""

import mlx.core as mx

WORD_BITS = 32
_TINIEST = 1e-7  # MLX's own lower bound of a scale


def rounded(values: mx.array, dtype: mx.Dtype) -> mx.array:
    """Return float32 values that `dtype` holds exactly."""
    return values.astype(dtype).astype(mx.float32)


def codes(groups: mx.array, scales: mx.array, biases: mx.array, top: mx.array | float) -> mx.array:
    """Return the nearest code of each weight, as float32 integers.

        code = clip(round((w - bias) / scale), 0, top)

    Args:
        groups: (..., group_size), float32.
        scales: (..., 1); a scale of zero gives code 0.
        biases: (..., 1).
        top: the largest code, 2**bits - 1; an array that broadcasts, or a number.
    """
    return mx.clip(mx.round((groups - biases) / steps(scales)), 0, top)


def steps(scales: mx.array) -> mx.array:
    """Return what to divide by: the scales, and infinity for a scale of zero."""
    return mx.where(scales == 0, mx.inf, scales)


def decode(scales: mx.array, biases: mx.array, codes: mx.array) -> mx.array:
    """Return the weights that codes stand for, in the arithmetic and dtype of `scales`.

    Args:
        scales: (..., groups).
        biases: (..., groups).
        codes: (..., groups x group_size).

    Returns:
        The shape of `codes`.
    """
    grouped = mx.unflatten(codes.astype(scales.dtype), -1, (scales.shape[-1], -1))
    return (scales[..., None] * grouped + biases[..., None]).flatten(-2)


def min_max(groups: mx.array, top: mx.array | float, unit: mx.array) -> tuple[mx.array, mx.array]:
    """Return the scale and bias of each group as MLX chooses them: from its range, zero and the wider end kept exact.

    Source: `affine_quantize` in MLX's `fast.cpp` and kernels, here in float32.

    Args:
        groups: (..., group_size), float32, divided by their unit.
        top: the largest code.
        unit: (..., 1), a power of two.

    Returns:
        Scales and biases, (..., 1) each, in the same unit, not yet rounded to the dtype they are stored in.
    """
    high, low = groups.max(-1, keepdims=True), groups.min(-1, keepdims=True)
    scales = mx.maximum((high - low) / top, mx.maximum(_TINIEST / unit, 2.0**-100))
    is_low_wider = mx.abs(low) > mx.abs(high)
    scales = mx.where(is_low_wider, scales, -scales)
    edge = mx.where(is_low_wider, low, high)
    steps = mx.round(edge / scales)
    has_zero = steps != 0
    return mx.where(has_zero, edge / mx.where(has_zero, steps, 1), scales), mx.where(has_zero, edge, 0)


def pack(codes: mx.array, bits: int) -> mx.array:
    """Return codes as `mx.quantize` packs them: one stream of bits, lowest first, in 32-bit words.

    Args:
        codes: (..., width), integers below 2**bits; the width divides by 32.
        bits: of one code, 2 to 8.

    Returns:
        (..., width x bits / 32), uint32.
    """
    lanes = mx.unflatten(codes.astype(mx.uint32), -1, (-1, WORD_BITS))
    words = [_word(lanes, bits, word * WORD_BITS) for word in range(bits)]
    return mx.stack(words, axis=-1).flatten(-2)


def _word(lanes: mx.array, bits: int, begin: int) -> mx.array:
    """Return the word that starts at bit `begin` of each 32 codes' stream: a sum, since no two codes share a bit."""
    first, last = begin // bits, (begin + WORD_BITS - 1) // bits
    cut = begin - first * bits  # bits of the first code that stand in the word before
    head = lanes[..., first] >> cut
    shifts = mx.arange(bits - cut, bits - cut + bits * (last - first), bits, dtype=mx.uint32)
    return head + (lanes[..., first + 1 : last + 1] << shifts).sum(-1).astype(mx.uint32)


def unpack(words: mx.array, bits: int, group_size: int) -> mx.array:
    """Return the codes in packed words, as float32 integers.

    Args:
        words: (..., width x bits / 32), uint32.
        bits: of one code.
        group_size: one that divides the width.
    """
    ones = mx.ones((*words.shape[:-1], words.shape[-1] * WORD_BITS // bits // group_size))
    return mx.dequantize(words, ones, mx.zeros_like(ones), group_size, bits)
