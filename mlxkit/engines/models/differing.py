"""How far the numbers of two checkpoints are apart, whatever their weights are stored as."""

import math

import mlx.core as mx
from mlx.utils import tree_flatten

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.engines.models.loading import open_model
from mlxkit.engines.models.quantizing import dequantize


def differences(one: Checkpoint, other: Checkpoint) -> dict[str, float]:
    r"""Return name of a weight to how far the two are apart, as a share of the first: ||a - b|| / ||a||.

    Quantized weights are compared by the numbers that they stand for. One weight is in memory at a time.

    Args:
        one: sound.
        other: sound; a weight that it has not, or of another shape, is infinitely far.

    Raises:
        MlxkitError: one of them cannot be opened.
    """
    left, right = _plain(one), _plain(other)
    names = sorted(left.keys() | right.keys())
    return {name: _apart(left.pop(name, None), right.pop(name, None)) for name in names}


def _plain(checkpoint: Checkpoint) -> dict[str, mx.array]:
    opened = open_model(checkpoint, trust_remote_code=False)
    if opened.quantization is not None:
        dequantize(opened.model, "float32")
    return dict(tree_flatten(opened.model.parameters()))


def _apart(one: mx.array | None, other: mx.array | None) -> float:
    if one is None or other is None or one.shape != other.shape:
        return math.inf
    left, right = one.astype(mx.float32), other.astype(mx.float32)
    size, gap = _norm(left), _norm(left - right)
    if gap == 0:
        return 0.0
    return gap / size if size and math.isfinite(gap) else math.inf


def _norm(array: mx.array) -> float:
    return float(mx.sqrt(mx.sum(array * array)))
