"""Deterministic weights: the same values from (seed, name, shape) on every platform and every NumPy version.

The parity goldens hold no weights. Whoever needs them, the script that makes the goldens or the test that checks them,
calls `tensors`. The generator is SplitMix64 in counter mode (Steele, Lea, Flood 2014, "Fast splittable pseudorandom
number generators"), written out below, because NumPy promises no stable stream for its own distributions.

This module knows NumPy and nothing of transformers, torch or MLX.
"""

import hashlib
import itertools
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# One-dimensional tensors whose natural value is 1: scales of norms, and the skip connection of state-space layers.
_NEAR_ONE = ("norm.weight", "norm1.weight", "norm2.weight", "layernorm.weight", ".D")


def uniform(seed: int, name: str, shape: Sequence[int]) -> npt.NDArray[np.float64]:
    """Pseudo-random values in [-1, 1), a pure function of the arguments.

    Args:
        seed: of the golden.
        name: the tensor's name in the checkpoint.
        shape: the tensor's shape.

    Returns:
        `shape`, float64.
    """
    text = f"{seed}/{name}/{'x'.join(str(size) for size in shape)}"
    start = np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], dtype="<u8")[0]
    count = math.prod(shape)
    with np.errstate(over="ignore"):  # the arithmetic is modulo 2**64 by definition
        state = start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    # The upper 53 bits, so that the division is exact in float64.
    return ((state >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0).reshape(tuple(shape))


def tensor(seed: int, name: str, shape: Sequence[int]) -> Floats:
    """One tensor of a random checkpoint, scaled so that logits stay of order 1.

    | tensor | value |
    | --- | --- |
    | norm scales, `D` | 1 + uniform(-0.2, 0.2) |
    | `A_log` (decay of state-space layers, which use -exp(A_log)) | uniform(0, 1) |
    | other scalars and vectors: biases, sinks | uniform(-0.2, 0.2) |
    | matrices and stacks of them | uniform of standard deviation 1 / sqrt(last axis) |

    Args:
        seed: of the golden.
        name: the tensor's name in the checkpoint.
        shape: the tensor's shape.

    Returns:
        `shape`, float32.
    """
    values = uniform(seed, name, shape)
    if name.endswith("A_log"):
        values = 0.5 + 0.5 * values
    elif len(shape) == 1 and name.endswith(_NEAR_ONE):
        values = 1.0 + 0.2 * values
    elif len(shape) < 2 or name.endswith("bias"):
        values = 0.2 * values
    else:
        # A uniform value in [-1, 1) has standard deviation 1 / sqrt(3).
        values = values * math.sqrt(3.0 / shape[-1])
    return np.asarray(values, dtype=np.float32)


def tensors(seed: int, shapes: Mapping[str, Sequence[int]]) -> dict[str, Floats]:
    """All tensors of a random checkpoint.

    Args:
        seed: of the golden.
        shapes: shape of each tensor, by its name in the checkpoint.

    Returns:
        Values by name, float32.
    """
    return {name: tensor(seed, name, shape) for name, shape in shapes.items()}


def collapse(shapes: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Shapes by name with the numbers in the names gathered, which keeps a golden file short and readable.

    >>> collapse({"layers.0.up.weight": [4, 2], "layers.1.up.weight": [4, 2]})
    {'layers.{0,1}.up.weight': [4, 2]}
    """
    groups: dict[tuple[str, tuple[int, ...]], list[tuple[str, ...]]] = {}
    for name, shape in shapes.items():
        pattern = re.sub(r"(?<=\.)\d+(?=\.)", "{}", name)
        groups.setdefault((pattern, tuple(shape)), []).append(tuple(re.findall(r"(?<=\.)\d+(?=\.)", name)))
    short = {}
    for (pattern, shape), found in groups.items():
        slots = [sorted(set(column), key=int) for column in zip(*found, strict=True)]
        whole = len(found) == math.prod(len(slot) for slot in slots)
        for rows in [slots] if whole else [[[index] for index in row] for row in found]:
            short[pattern.format(*("{" + ",".join(row) + "}" for row in rows))] = list(shape)
    return short


def expand(short: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """What `collapse` gathered, name by name.

    >>> expand({"layers.{0,1}.up.weight": [4, 2]})
    {'layers.0.up.weight': (4, 2), 'layers.1.up.weight': (4, 2)}
    """
    shapes = {}
    for pattern, shape in short.items():
        parts = re.split(r"\{([\d,]+)\}", pattern)
        for row in itertools.product(*(part.split(",") if index % 2 else [part] for index, part in enumerate(parts))):
            shapes["".join(row)] = tuple(shape)
    return shapes
