"""What each scheme would lose in a unit, predicted from its sensitivity and a sample of its rows."""

from collections.abc import Sequence

import mlx.core as mx

from mlxkit.core.schemes import Scheme
from mlxkit.engines.models.encoding import losses
from mlxkit.engines.models.measuring.statistics import Sensitivity

SAMPLE_ROWS = 64
"""Rows that stand for all: evenly spaced, each with its own importance."""


def predicted(weight: mx.array, schemes: Sequence[Scheme], encoder: str, sensitivity: Sensitivity) -> list[float]:
    """Return the predicted KL divergence per token, in nats, of storing a weight in each scheme.

    Args:
        weight: (..., width), in the dtype that scales are to have.
        schemes: affine or not.
        encoder: what will encode it.
        sensitivity: the unit's.
    """
    if not schemes:
        return []
    rows = weight.reshape(-1, weight.shape[-1])
    sample = mx.arange(0, rows.shape[0], max(1, rows.shape[0] // SAMPLE_ROWS))
    importance = sensitivity.importance[sample]
    share = float(importance.sum() / mx.maximum(sensitivity.importance.sum(), 1e-30))
    found = losses(rows[sample], schemes, encoder, sensitivity.moments, importance)
    return [loss / share if share > 0 else 0.0 for loss in found]


def array(rows: Sequence[Sequence[int]]) -> mx.array:
    """Return rows of tokens, all of one length, as a model takes them: (count, length), int32."""
    return mx.array([list(row) for row in rows], dtype=mx.int32)
