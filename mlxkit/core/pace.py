"""How fast a model decodes: a time for every layer, and the bytes that a token touches over a bandwidth."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlxkit.core.fitting import ENOUGH

BAND = 0.2
"""How far a predicted speed may be off, either way, where no measurement of the machine says better."""


@dataclass(frozen=True, slots=True)
class Step:
    """A decoding step that was measured.

    Attributes:
        seconds: it took.
        layers: of the model.
        read_bytes: it touched: weights, and the cache of every row.
    """

    seconds: float
    layers: int
    read_bytes: float


@dataclass(frozen=True, slots=True)
class Pace:
    """The constants of a machine.

        seconds per step = layers t0 + (weights + cache) / (eta bandwidth)

    Fits 12 published figures of an M4 Max within 1 %, with eta 0.92 and t0 0.06 ms a dense layer.

    Attributes:
        layer_seconds: t0, what each layer costs besides reading.
        byte_seconds: 1 / (eta bandwidth), of a byte that is read.
        band: how far a speed may be off, as a share of it.
        runs: measurements that it was fitted to; 0 for constants that others found.
    """

    layer_seconds: float
    byte_seconds: float
    band: float = BAND
    runs: int = 0

    def seconds(self, read_bytes: float, layers: int) -> float:
        """Return about how long a step takes."""
        return layers * self.layer_seconds + read_bytes * self.byte_seconds


def fitted(steps: Sequence[Step]) -> Pace | None:
    """Return the constants that meet measured steps best, by least squares of relative errors; None without a step.

    Neither constant is negative: what measurements of one model cannot tell apart is taken for reading.

    >>> pace = fitted([Step(0.5, 10, 4e9), Step(0.9, 10, 8e9)])
    >>> round(pace.layer_seconds, 6), round(1 / pace.byte_seconds)
    (0.01, 10000000000)
    """
    if not steps:
        return None
    layers = [step.layers / step.seconds for step in steps]
    read = [step.read_bytes / step.seconds for step in steps]
    both = sum(one * other for one, other in zip(layers, read, strict=True))
    layers_square, read_square = sum(one * one for one in layers), sum(one * one for one in read)
    # Shares of steps that are all alike are told apart by rounding alone.
    determinant = layers_square * read_square - both * both
    tried = [(0.0, sum(read) / read_square)]
    if determinant > _ALIKE * layers_square * read_square:
        tried.append(
            (
                (read_square * sum(layers) - both * sum(read)) / determinant,
                (layers_square * sum(read) - both * sum(layers)) / determinant,
            )
        )
        tried.append((sum(layers) / layers_square, 0.0))
    paces = [Pace(*constants) for constants in tried if min(constants) >= 0]
    best = min(paces, key=lambda pace: sum(_error(pace, step) ** 2 for step in steps))
    worst = max(abs(_error(best, step)) for step in steps)
    band = worst if len(steps) >= ENOUGH else max(worst, BAND)
    return Pace(best.layer_seconds, best.byte_seconds, band, len(steps))


_ALIKE = 1e-6


def _error(pace: Pace, step: Step) -> float:
    return pace.seconds(step.read_bytes, step.layers) / step.seconds - 1
