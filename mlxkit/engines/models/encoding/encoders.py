"""The three encoders behind one function, and what each scheme would lose."""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx

from mlxkit.core.schemes import Scheme
from mlxkit.engines.models.encoding import feedback, grid, lsq

_CHUNK = 2**22
"""Weights that are worked on at once: bounds the memory of the float32 intermediates."""


@dataclass(frozen=True)
class Encoded:
    """A weight as MLX stores it.

    Attributes:
        scheme: how.
        weight: packed codes, (..., width x bits / 32), uint32.
        scales: (..., width / group_size).
        biases: as `scales`; None for modes that have none.
    """

    scheme: Scheme
    weight: mx.array
    scales: mx.array
    biases: mx.array | None

    def arrays(self) -> dict[str, mx.array]:
        """Return the arrays by their names in a module."""
        found = {"weight": self.weight, "scales": self.scales}
        return found if self.biases is None else {**found, "biases": self.biases}

    def decoded(self, dtype: mx.Dtype = mx.float32) -> mx.array:
        """Return the weights that a reader decodes, computed in `dtype`."""
        scheme = self.scheme
        if self.biases is None:
            return mx.dequantize(
                self.weight, self.scales, None, scheme.group_size, scheme.bits, mode=scheme.mode, dtype=dtype
            )
        scales, biases = self.scales.astype(dtype), self.biases.astype(dtype)
        return mx.dequantize(self.weight, scales, biases, scheme.group_size, scheme.bits)


def encode(weight: mx.array, scheme: Scheme, encoder: str, moments: mx.array | None = None) -> Encoded:
    """Encode a weight; lazy, except for `feedback`.

    Args:
        weight: (..., width), in the dtype that scales and biases are to have.
        scheme: one whose group size divides the width.
        encoder: ``minmax``, ``lsq`` or ``feedback``; schemes that are not affine are always MLX's own.
        moments: second moments of the inputs, (blocks, block, block), float32. `feedback` needs them; `lsq` weights
            each column with their diagonal.
    """
    if scheme.mode != "affine" or encoder == "minmax":
        arrays = mx.quantize(weight, scheme.group_size, scheme.bits, mode=scheme.mode)
        return Encoded(scheme, arrays[0], arrays[1], arrays[2] if len(arrays) > 2 else None)
    rows = weight.reshape(-1, weight.shape[-1])
    step = max(1, _CHUNK // rows.shape[-1])
    form = None if moments is None else feedback.form(moments)
    parts = [
        _chunk(rows[begin : begin + step], scheme, encoder, form, weight.dtype)
        for begin in range(0, rows.shape[0], step)
    ]
    packed, scales, biases = (
        mx.concatenate(list(column)).reshape(*weight.shape[:-1], -1) for column in zip(*parts, strict=True)
    )
    return Encoded(scheme, packed, scales, biases)


def _chunk(
    rows: mx.array, scheme: Scheme, encoder: str, form: feedback.Form | None, dtype: mx.Dtype
) -> tuple[mx.array, mx.array, mx.array]:
    top = 2**scheme.bits - 1
    rows = rows.astype(mx.float32)
    if encoder == "feedback" and form is not None:
        codes, scales, biases = (
            part[0] for part in feedback.encode(rows, mx.array([top]), scheme.group_size, dtype, form)
        )
    else:
        groups = mx.unflatten(rows, -1, (-1, scheme.group_size))
        importance = None
        if form is not None:
            importance = mx.diagonal(form.moments, axis1=-2, axis2=-1).reshape(1, -1, scheme.group_size)
        scales, biases = lsq.fit(groups, top, dtype, importance)
        codes = grid.codes(groups, scales, biases, top).flatten(-2)
        scales, biases = scales.squeeze(-1), biases.squeeze(-1)
    packed = grid.pack(codes, scheme.bits)
    if encoder == "feedback":
        mx.eval(packed, scales, biases)
    return packed, scales.astype(dtype), biases.astype(dtype)


def losses(
    weight: mx.array, schemes: Sequence[Scheme], encoder: str, moments: mx.array, importance: mx.array
) -> list[float]:
    """Return what each scheme would lose, as `sum_r g_r (w_r - v_r) H (w_r - v_r)^T / 2`, in nats.

    Args:
        weight: (rows, width), in the dtype of the scales.
        schemes: affine ones of one group size are encoded together.
        encoder: as in `encode`.
        moments: H, (blocks, block, block), float32.
        importance: g, (rows,), float32.
    """
    found: dict[Scheme, float] = {}
    rows, form = weight.astype(mx.float32), feedback.form(moments)
    for mode, group_size in sorted({(scheme.mode, scheme.group_size) for scheme in schemes}):
        alike = [scheme for scheme in schemes if (scheme.mode, scheme.group_size) == (mode, group_size)]
        if encoder == "feedback" and mode == "affine":
            tops = mx.array([2**scheme.bits - 1 for scheme in alike])
            codes, scales, biases = feedback.encode(rows, tops, group_size, weight.dtype, form)
            decoded = [grid.decode(scales[i], biases[i], codes[i]) for i in range(len(alike))]
        else:
            decoded = [encode(weight, scheme, encoder, moments).decoded() for scheme in alike]
        for scheme, values in zip(alike, decoded, strict=True):
            found[scheme] = float(loss(rows - values, moments, importance))
    return [found[scheme] for scheme in schemes]


def loss(error: mx.array, moments: mx.array, importance: mx.array) -> mx.array:
    """Return `sum_r g_r e_r H e_r^T / 2`.

    Args:
        error: e, (rows, width), float32.
        moments: H, (blocks, block, block).
        importance: g, (rows,).
    """
    split = error.reshape(error.shape[0], *moments.shape[:2]).swapaxes(0, 1)
    squares = ((split @ moments) * split).sum(-1).sum(0)
    return (squares * importance).sum() / 2
