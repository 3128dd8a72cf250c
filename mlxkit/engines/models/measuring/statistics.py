"""How sensitive the model's answers are to an error in each unit's weight.

For a small error E in a weight, the KL divergence per token between the model's answers before and after is

    KL  ~  1/2 sum_r g_r E_r H E_r^T          r over the weight's rows

with g_r H in the place of the Fisher information of row r: second moments of the weight's gradient, which is the unit's
inputs times the gradients of its outputs, for labels that are drawn from the model's own answers. Such Kronecker
factors are those of https://arxiv.org/abs/1503.05671, one of them diagonal, with one difference: tokens are not alike.
H weights them with their gradients and g with their inputs, so that every row's part has the trace of the exact one.
Without that, what is said of two layers of `tiny` is twelve times too high, and what `feedback` makes of all its layers
but the embedding loses a third more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_map

from mlxkit.core.progress import Progress
from mlxkit.engines.models import saving
from mlxkit.engines.models.measuring.watching import Statistics, Taps, watched, zeros

Found = TypeVar("Found")

BATCH = 4
"""Rows of text in one backward pass."""

PRIOR = 0.1
"""Share of all lookups that is spread evenly: what the text did not happen to name must not be free to be wrong."""


@dataclass(frozen=True)
class Sensitivity:
    """What an error in one unit's weight costs.

    Attributes:
        moments: H, (blocks, block, block), float32; the mean of its diagonal is 1.
        importance: g, (rows,), float32, of the weight flattened to (rows, width); per token of text.
    """

    moments: mx.array
    importance: mx.array

    @property
    def is_known(self) -> bool:
        """Whether any text reached the unit."""
        return bool((self.importance.sum() * _trace(self.moments) > 0).item())


def sensitivities(
    model: nn.Module, units: Mapping[str, nn.Module], rows: mx.array, *, seed: int, progress: Progress
) -> dict[str, Sensitivity]:
    """Measure every unit's sensitivity on text.

    Args:
        model: one with a `layers` attribute; quantized layers will do.
        units: path to module, of those to be watched.
        rows: (count, length), token ids.
        seed: of the labels that are drawn.
        progress: told the tokens done.
    """
    empty: Taps = {path: zeros(unit, _width(unit)) for path, unit in units.items()}
    sums = empty
    model.train()  # some architectures compute with kernels that have no derivative otherwise
    try:
        with watched(model, units) as into, progress.phase("Measuring sensitivity", rows.size, "count") as advance:

            def loss(taps: Taps, batch: mx.array, key: mx.array) -> mx.array:
                into(taps)
                logits = model(batch).astype(mx.float32)
                labels = mx.stop_gradient(mx.random.categorical(logits, key=key))
                return mx.array(nn.losses.cross_entropy(logits, labels, reduction="sum"))

            for begin in range(0, rows.shape[0], BATCH):
                batch = rows[begin : begin + BATCH]
                sums = tree_map(mx.add, sums, mx.grad(loss)(empty, batch, mx.random.key(seed * 2**20 + begin)))
                mx.eval(sums)
                advance(batch.size)
    finally:
        model.eval()
    return {path: _sensitivity(uses, rows.size) for path, uses in sums.items()}


def _width(unit: nn.Module) -> int:
    """Return the length of the weight's last axis, packed or not."""
    packed = getattr(unit, "scales", None)
    return int(unit.weight.shape[-1] if packed is None else packed.shape[-1] * unit.group_size)


def _sensitivity(uses: dict[str, Statistics], tokens: int) -> Sensitivity:
    """Return the sums of all uses of a unit as one quadratic form, per token."""
    terms = [(statistics["moments"], _spread(statistics)) for use, statistics in uses.items() if use != "lookup"]
    blocks, block = terms[0][0].shape[:2]
    if "lookup" in uses:
        columns, counts = uses["lookup"]["columns"], uses["lookup"]["counts"]
        terms.append((columns.reshape(blocks, block, 1) * mx.eye(block), columns.sum() * _smoothed(counts)))
    # Each form is given the trace of its rows, so that the sums over columns and over rows are those of the exact sum.
    moments = sum((_ratio(rows.sum(), _trace(form)) * form for form, rows in terms), mx.zeros(()))
    importance = sum((rows for _, rows in terms), mx.zeros(()))
    width = blocks * block
    return Sensitivity(_ratio(mx.array(width), _trace(moments)) * moments, importance / (width * tokens))


def _spread(statistics: Statistics) -> mx.array:
    """Return what each row takes, (rows,): experts get the share of the rows that went to them."""
    rows = statistics["rows"]
    return (
        rows.reshape(-1) if "counts" not in statistics else mx.outer(_smoothed(statistics["counts"]), rows).reshape(-1)
    )


def _smoothed(counts: mx.array) -> mx.array:
    return (1 - PRIOR) * counts / mx.maximum(counts.sum(), 1) + PRIOR / counts.size


def _trace(form: mx.array) -> mx.array:
    return mx.diagonal(form, axis1=-2, axis2=-1).sum()


def _ratio(one: mx.array, other: mx.array) -> mx.array:
    """Return one over the other, and 0 where there is nothing."""
    return mx.where(other > 0, one / mx.where(other > 0, other, 1), 0)


def save(found: Mapping[str, Sensitivity], path: Path) -> None:
    """Write sensitivities to a file, ``*.safetensors``, whole or not at all."""
    arrays = {}
    for unit, sensitivity in found.items():
        arrays[f"{unit}:moments"], arrays[f"{unit}:importance"] = sensitivity.moments, sensitivity.importance
    saving.save(path, arrays)


def load(path: Path) -> dict[str, Sensitivity]:
    """Read what `save` wrote; arrays are read when they are evaluated."""
    arrays = saving.load(path)
    units = [name.removesuffix(":moments") for name in arrays if name.endswith(":moments")]
    return {unit: Sensitivity(arrays[f"{unit}:moments"], arrays[f"{unit}:importance"]) for unit in units}


def with_derivatives(
    measure: Callable[[], Found],
    device: Callable[[], Any] = mx.default_device,
    choose: Callable[[Any], None] = mx.set_default_device,
) -> Found:
    """Return what `measure` finds, on the CPU if it cannot be found where MLX computes by default.

    Some architectures compute with kernels written for the GPU, which have no derivative; on the CPU they do without.

    Args:
        measure: what takes derivatives.
        device: tells where MLX computes.
        choose: says where it is to compute.
    """
    usual = device()
    try:
        return measure()
    except (RuntimeError, ValueError, NotImplementedError):
        if usual == mx.cpu:
            raise
    choose(mx.cpu)
    try:
        return measure()
    finally:
        choose(usual)
