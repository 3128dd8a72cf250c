"""Error feedback: what rounding one column loses, the columns that are not yet rounded make good.

Inputs of a layer are correlated, so errors in one column can be answered by others. Columns are rounded in order, and
the remaining ones are corrected for each (GPTQ, https://arxiv.org/abs/2210.17323); scale and bias of a group are fitted
when its turn comes, by least squares weighted with what a column's error will cost after that correction. Then, in a
second pass, scale, bias and each code are set to what is best given all others (coordinate descent on the same form).

The form is  sum_r (w_r - v_r) H (w_r - v_r)^T  over rows r, with H the second moments of the layer's inputs. H is kept
in square blocks along its diagonal; columns of different blocks do not correct each other.
"""

from dataclasses import dataclass

import mlx.core as mx

from mlxkit.engines.models.encoding import grid, lsq

DAMPING = 0.01
"""Added to H's diagonal, as a share of its mean: what few tokens showed is not to be trusted fully."""


@dataclass(frozen=True)
class Form:
    """The quadratic form that is made small.

    Attributes:
        moments: H, damped, (blocks, block, block), float32; the mean of its diagonal is about 1.
        upper: the upper Cholesky factor of its inverse.
    """

    moments: mx.array
    upper: mx.array


def form(moments: mx.array) -> Form:
    """Return the form of second moments, (blocks, block, block), float32, positive semidefinite; lazy."""
    steady = damped(moments)
    steady = steady / mx.diagonal(steady, axis1=-2, axis2=-1).mean(-1)[:, None, None]
    with mx.stream(mx.cpu):  # MLX has no factorizations on the GPU
        # The inverse is never formed: H = R R^T with R upper is a Cholesky factorization in reversed order.
        lower = mx.linalg.cholesky(steady[:, ::-1, ::-1])
        return Form(steady, mx.linalg.tri_inv(lower)[:, ::-1, ::-1])


def damped(moments: mx.array) -> mx.array:
    """Return second moments with a floor under every direction.

    Args:
        moments: (blocks, block, block), float32, positive semidefinite.
    """
    block = moments.shape[-1]
    mean = mx.diagonal(moments, axis1=-2, axis2=-1).mean(-1)[:, None, None]
    # A block that no input ever reached costs nothing, whatever is stored in it; it still has to be rounded somehow.
    mean = mx.where(mean > 0, mean, 1.0)
    return moments + DAMPING * mean * mx.eye(block)


def encode(
    weight: mx.array, tops: mx.array, group_size: int, dtype: mx.Dtype, form: Form
) -> tuple[mx.array, mx.array, mx.array]:
    """Round a weight under the second moments of its inputs, to several widths at once.

    Args:
        weight: (rows, width), float32.
        tops: (widths,), the largest code of each width of code.
        group_size: divides the block.
        dtype: what scales and biases are stored in.
        form: of the inputs; blocks x block = width.

    Returns:
        Codes (widths, rows, width), scales and biases (widths, rows, width / group_size), all float32.
    """
    blocks, block = form.moments.shape[:2]
    unit = lsq.magnitude(weight)
    split = (weight / unit).reshape(-1, blocks, block).swapaxes(0, 1)  # (blocks, rows, block)
    split = mx.broadcast_to(split[None], (len(tops), *split.shape))
    top = tops.astype(mx.float32).reshape(-1, 1, 1, 1)
    rounding = _Rounding(split, unit, top, group_size, dtype, form)
    rounding.feed_back()
    rounding.refine()
    return rounding.gathered()


class _Rounding:
    """Codes, scales and biases while they are being found: (widths, blocks, rows, ...), in the unit of their row."""

    def __init__(
        self, weight: mx.array, unit: mx.array, top: mx.array, group_size: int, dtype: mx.Dtype, form: Form
    ) -> None:
        self.weight, self.unit, self.top, self.group_size, self.dtype = weight, unit, top, group_size, dtype
        self.moments, self.upper = form.moments, form.upper
        self.codes: list[mx.array] = []
        self.scales: list[mx.array] = []
        self.biases: list[mx.array] = []

    def feed_back(self) -> None:
        """Round group after group, each corrected for what the ones before it lost."""
        rest, largest = self.weight, mx.finfo(self.dtype).max / self.unit
        for begin in range(0, self.weight.shape[-1], self.group_size):
            end = begin + self.group_size
            square = self.upper[:, begin:end, begin:end]
            pivots = mx.diagonal(square, axis1=-2, axis2=-1)[:, None]  # (blocks, 1, group)
            group = mx.clip(rest[..., : self.group_size], -largest, largest)  # corrections must not leave the dtype
            fitted = lsq.fit(group * self.unit, self.top, self.dtype, 1 / mx.square(pivots))
            scales, biases = (values / self.unit for values in fitted)
            codes, errors = self._columns(group, scales, biases, square / pivots.swapaxes(-1, -2))
            rest = rest[..., self.group_size :] - (errors / pivots) @ self.upper[:, begin:end, end:]
            mx.eval(codes, scales, biases, rest)
            self.codes.append(codes)
            self.scales.append(scales)
            self.biases.append(biases)

    def _columns(
        self, group: mx.array, scales: mx.array, biases: mx.array, square: mx.array
    ) -> tuple[mx.array, mx.array]:
        """Round a group's columns in order; return codes, and errors as they were when each was rounded."""
        found, errors = [], []
        group = (group - biases) / grid.steps(scales)  # in codes
        for column in range(self.group_size):
            value = group[..., :1]
            code = mx.clip(mx.round(value), 0, self.top)
            error = value - code
            group = group[..., 1:] - error * square[:, None, column, column + 1 :]
            found.append(code)
            errors.append(error)
        return mx.concatenate(found, -1), scales * mx.concatenate(errors, -1)

    def refine(self) -> None:
        """Set each group's scale and bias, then each of its codes, to the best given everything else, once."""
        decoded = [s * q + b for s, q, b in zip(self.scales, self.codes, self.biases, strict=True)]
        slope = (self.weight - mx.concatenate(decoded, -1)) @ self.moments
        for index in range(len(self.codes)):
            begin, end = index * self.group_size, (index + 1) * self.group_size
            square = self.moments[:, begin:end, begin:end]
            change = self._refine_group(index, slope[..., begin:end], square, decoded[index])
            slope = slope - change @ self.moments[:, begin:end]
            mx.eval(self.codes[index], self.scales[index], self.biases[index], slope)

    def _refine_group(self, index: int, slope: mx.array, square: mx.array, before: mx.array) -> mx.array:
        """Refine one group; return by how much its decoded weights moved.

        Args:
            index: of the group.
            slope: (widths, blocks, rows, group), half the loss's derivative with respect to the error.
            square: (blocks, group, group), the group's own moments.
            before: its decoded weights.
        """
        codes = self.codes[index]
        scale_step, bias_step = self._line(codes, slope, square)
        scales = lsq.stored(self.scales[index] + scale_step, self.unit, self.dtype)
        biases = lsq.stored(self.biases[index] + bias_step, self.unit, self.dtype)
        moved = scales * codes + biases - before
        # Rounding to the stored dtype may cost more than the step gains.
        is_better = (moved * (moved @ square - 2 * slope)).sum(-1, keepdims=True) < 0
        scales = mx.where(is_better, scales, self.scales[index])
        biases = mx.where(is_better, biases, self.biases[index])
        slope = slope - mx.where(is_better, moved, 0) @ square
        self.codes[index] = self._descend(codes, slope / grid.steps(scales), square)
        self.scales[index], self.biases[index] = scales, biases
        return scales * self.codes[index] + biases - before

    def _line(self, codes: mx.array, slope: mx.array, square: mx.array) -> tuple[mx.array, mx.array]:
        """Return the change of scale and bias that minimizes the loss for fixed codes: two equations a group."""
        pulled, mass = codes @ square, square.sum(-1)[:, None]
        qq, qo = (pulled * codes).sum(-1, keepdims=True), pulled.sum(-1, keepdims=True)
        oo = mx.broadcast_to(mass.sum(-1, keepdims=True), qq.shape)
        qd, od = (codes * slope).sum(-1, keepdims=True), slope.sum(-1, keepdims=True)
        spread = qq * oo - qo * qo
        is_solvable = spread > 1e-6 * qq * oo
        safe = mx.where(is_solvable, spread, 1)
        scale = mx.where(is_solvable, (qd * oo - od * qo) / safe, 0)
        return scale, mx.where(is_solvable, (od * qq - qd * qo) / safe, 0)

    def _descend(self, codes: mx.array, slope: mx.array, square: mx.array) -> mx.array:
        """Move each code to the one that is best given all others, column after column.

        Args:
            codes: (widths, blocks, rows, group).
            slope: the same shape, for errors in codes.
            square: (blocks, group, group).
        """
        found = []
        diagonal = mx.diagonal(square, axis1=-2, axis2=-1)[:, None]
        steps, square = slope / diagonal, square / diagonal  # how far each code is from its best place
        for column in range(self.group_size):
            now = codes[..., column : column + 1]
            code = mx.clip(mx.round(now + steps[..., :1]), 0, self.top)
            steps = steps[..., 1:] - (code - now) * square[:, None, column, column + 1 :]
            found.append(code)
        return mx.concatenate(found, -1)

    def gathered(self) -> tuple[mx.array, mx.array, mx.array]:
        """Return codes, scales and biases with blocks and groups joined."""
        codes, scales, biases = (
            mx.concatenate(parts, -1).swapaxes(1, 2).flatten(-2) for parts in (self.codes, self.scales, self.biases)
        )
        return codes, scales * self.unit, biases * self.unit
