"""Weights, moments and the losses that encoders are held to."""

import mlx.core as mx
import numpy as np

from mlxkit.core.schemes import GROUP_SIZES, MODES, Scheme
from mlxkit.engines.models.encoding import Encoded

DTYPES = {"bfloat16": mx.bfloat16, "float16": mx.float16, "float32": mx.float32}
AFFINE = [Scheme("affine", bits, size) for bits in MODES["affine"] for size in GROUP_SIZES["affine"]]
OTHERS = [Scheme(mode, bits[0], GROUP_SIZES[mode][0]) for mode, bits in MODES.items() if mode != "affine"]
EPSILON = 2.0**-24  # the largest relative error of one operation in float32


def normal(*shape, seed=0, dtype=mx.bfloat16, scale=0.05):
    """Weights as layers have them: more of the large ones than a normal distribution gives."""
    values = np.random.default_rng(seed).standard_t(5, size=shape) * scale
    return mx.array(values.astype(np.float32)).astype(dtype)


def moments(blocks, block, seed=0, rank=None):
    """Second moments of correlated inputs, each column of another size: (blocks, block, block)."""
    random = np.random.default_rng(1000 + seed)
    mixed = np.eye(block) + random.normal(size=(blocks, block, block)) / np.sqrt(block)
    rows = random.normal(size=(blocks, rank or 2 * block, block)) @ mixed * random.uniform(0.2, 3, size=block)
    return mx.array((np.swapaxes(rows, 1, 2) @ rows / rows.shape[1]).astype(np.float32))


def numbers(array):
    return np.array(array.astype(mx.float32)).astype(np.float64)


def group_errors(weight, encoded: Encoded, importance=1.0):
    """The squared error of each group, decoded in float32: (..., groups)."""
    size = encoded.scheme.group_size
    with np.errstate(invalid="ignore", over="ignore"):
        error = (numbers(weight) - numbers(encoded.decoded())) ** 2 * importance
    return error.reshape(*error.shape[:-1], -1, size).sum(-1)


def slack(weight, size, errors, importance=1.0):
    """By how much float32 may misjudge the squared error of each group.

    A decoded weight and its difference to the original are off by a few roundings of numbers as large as the group's
    largest, here d. That moves a squared error e^2 by 2 e d + d^2, in a sum by 2 sqrt(sum e^2 sum d^2) + sum d^2 at
    most; the sum's own rounding is relative to it.
    """
    grouped = np.abs(numbers(weight)).reshape(*weight.shape[:-1], -1, size)
    share = np.broadcast_to(importance, weight.shape).reshape(grouped.shape).sum(-1)
    off = (8 * EPSILON * grouped.max(-1)) ** 2 * share
    return 2 * np.sqrt(errors * off) + off + size * EPSILON * errors
