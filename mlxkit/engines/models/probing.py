"""A forward pass that never holds more than a part of the weights: proof that a checkpoint computes."""

import gc

import mlx.core as mx

from mlxkit.engines.models.loading import Opened, upstream

PROBE_TOKENS = 2
"""Tokens of the probe: more than one, so that positions and masks take part."""


def probe(opened: Opened) -> mx.array:
    """Return the logits of a fixed token row, lazy, and empty the model.

    The graph alone holds the weights afterwards, so each is freed as soon as the pass has used it.

    Args:
        opened: the model; it is empty afterwards.

    Returns:
        (PROBE_TOKENS, vocabulary), float32.
    """
    # A stream of its own: two probes that are evaluated together run side by side.
    with upstream(opened.checkpoint), mx.stream(mx.new_stream(mx.default_device())):
        logits: mx.array = opened.model(mx.arange(1, PROBE_TOKENS + 1)[None])[0].astype(mx.float32)
    opened.model.clear()
    gc.collect()
    return logits


def largest_difference(one: mx.array, other: mx.array) -> float:
    """Return the largest absolute difference between two rows of logits: NaN or infinity when one is not finite."""
    return float(mx.abs(one - other).max())
