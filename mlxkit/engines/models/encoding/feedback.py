"""Error feedback: what rounding one column loses, the columns that are not yet rounded make good.

Inputs of a layer are correlated, so errors in one column can be answered by others. Columns are rounded in order, and
the remaining ones are corrected for each (GPTQ, https://arxiv.org/abs/2210.17323); scale and bias of a group are fitted
when its turn comes, by least squares weighted with what a column's error will cost after that correction. Then, in a
second pass, scale, bias and each code are set to what is best given all others (coordinate descent on the same form).

The form is  sum_r (w_r - v_r) H (w_r - v_r)^T  over rows r, with H the second moments of the layer's inputs. H is kept
in square blocks along its diagonal; columns of different blocks do not correct each other.
"""

import mlx.core as mx

from mlxkit.engines.models.encoding import grid, lsq

DAMPING = 0.01
"""Added to H's diagonal, as a share of its mean: what few tokens showed is not to be trusted fully."""


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


def factor(moments: mx.array) -> mx.array:
    """Return the upper Cholesky factor of the inverse of damped moments, (blocks, block, block)."""
    with mx.stream(mx.cpu):  # MLX has no factorizations on the GPU
        inverse = mx.linalg.cholesky_inv(mx.linalg.cholesky(moments))
        return mx.linalg.cholesky(inverse, upper=True)


def encode(
    weight: mx.array, tops: mx.array, group_size: int, dtype: mx.Dtype, moments: mx.array
) -> tuple[mx.array, mx.array, mx.array]:
    """Round a weight under the second moments of its inputs, to several widths at once.

    Args:
        weight: (rows, width), float32.
        tops: (widths,), the largest code of each width of code.
        group_size: divides the block.
        dtype: what scales and biases are stored in.
        moments: (blocks, block, block), damped; blocks x block = width.

    Returns:
        Codes (widths, rows, width), scales and biases (widths, rows, width / group_size), all float32.
    """
    blocks, block = moments.shape[0], moments.shape[-1]
    split = weight.reshape(-1, blocks, block).swapaxes(0, 1)  # (blocks, rows, block)
    split = mx.broadcast_to(split[None], (len(tops), *split.shape))
    top = tops.astype(mx.float32).reshape(-1, 1, 1, 1)
    rounding = _Rounding(split, top, group_size, dtype, moments)
    rounding.feed_back(factor(moments))
    rounding.refine()
    return rounding.gathered()


class _Rounding:
    """Codes, scales and biases while they are being found; arrays are (widths, blocks, rows, ...)."""

    def __init__(self, weight: mx.array, top: mx.array, group_size: int, dtype: mx.Dtype, moments: mx.array) -> None:
        self.weight, self.top, self.group_size, self.dtype, self.moments = weight, top, group_size, dtype, moments
        self.codes: list[mx.array] = []
        self.scales: list[mx.array] = []
        self.biases: list[mx.array] = []

    def feed_back(self, upper: mx.array) -> None:
        """Round group after group, each corrected for what the ones before it lost."""
        rest = self.weight
        for begin in range(0, self.weight.shape[-1], self.group_size):
            end = begin + self.group_size
            square = upper[:, begin:end, begin:end]
            pivots = mx.diagonal(square, axis1=-2, axis2=-1)[:, None]  # (blocks, 1, group)
            group = rest[..., : self.group_size]
            scales, biases = lsq.fit(group, self.top, self.dtype, 1 / mx.square(pivots))
            codes, errors = self._columns(group, scales, biases, square / pivots.swapaxes(-1, -2), pivots)
            rest = rest[..., self.group_size :] - errors @ upper[:, begin:end, end:]
            mx.eval(codes, scales, biases, rest)
            self.codes.append(codes)
            self.scales.append(scales)
            self.biases.append(biases)

    def _columns(
        self, group: mx.array, scales: mx.array, biases: mx.array, square: mx.array, pivots: mx.array
    ) -> tuple[mx.array, mx.array]:
        """Round a group's columns in order; return codes and errors divided by their pivots."""
        found, errors = [], []
        for column in range(self.group_size):
            value = group[..., :1]
            code = grid.codes(value, scales, biases, self.top)
            error = value - scales * code - biases
            group = group[..., 1:] - error * square[:, None, column, column + 1 :]
            found.append(code)
            errors.append(error)
        return mx.concatenate(found, -1), mx.concatenate(errors, -1) / pivots

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
        scales = grid.rounded(self.scales[index] + scale_step, self.dtype)
        biases = grid.rounded(self.biases[index] + bias_step, self.dtype)
        decoded = scales * codes + biases
        moved = decoded - before
        # Rounding to the stored dtype may cost more than the step gains.
        is_better = (moved * (moved @ square - 2 * slope)).sum(-1, keepdims=True) < 0
        scales = mx.where(is_better, scales, self.scales[index])
        biases = mx.where(is_better, biases, self.biases[index])
        decoded = mx.where(is_better, decoded, before)
        slope = slope - (decoded - before) @ square
        self.codes[index] = self._descend(decoded, slope, square, scales, biases)
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

    def _descend(
        self, decoded: mx.array, slope: mx.array, square: mx.array, scales: mx.array, biases: mx.array
    ) -> mx.array:
        """Move each code to the one that is best given all others, column after column."""
        found = []
        for column in range(self.group_size):
            now = decoded[..., column : column + 1]
            step = slope[..., column : column + 1] / square[:, None, column : column + 1, column : column + 1]
            code = grid.codes(now + step, scales, biases, self.top)
            slope = slope - (scales * code + biases - now) * square[:, None, column]
            found.append(code)
        return mx.concatenate(found, -1)

    def gathered(self) -> tuple[mx.array, mx.array, mx.array]:
        """Return codes, scales and biases with blocks and groups joined."""
        codes, scales, biases = (mx.concatenate(parts, -1) for parts in (self.codes, self.scales, self.biases))
        return tuple(part.swapaxes(1, 2).flatten(-2) for part in (codes, scales, biases))  # type: ignore[return-value]
