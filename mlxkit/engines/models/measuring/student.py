"""A model whose units make their weights of fixed codes, and of scales and biases that are being trained.

Each trained unit decodes its weight when it is called, and each layer is computed again in the backward pass: the
memory is that of the codes, of what is trained, and of one layer.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import mlx.core as mx
from mlx import nn

from mlxkit.core.progress import Silent
from mlxkit.engines.models.encoding import Encoded
from mlxkit.engines.models.measuring.reference import Reference, divergences, kl, reference_logits
from mlxkit.engines.models.measuring.statistics import with_derivatives
from mlxkit.engines.models.measuring.watching import recomputed

Coordinates = dict[str, mx.array]
"""``turn`` and ``shift`` of each group of a unit, (..., groups) each, float32; zero is where training starts."""


class Grid:
    """A unit's codes, and the scales and biases that coordinates stand for.

        scale = s (1 + turn / r),  bias = b + s (shift - m turn / r)

    with m the middle of the codes and r their spread if all occur alike, so that

        weight = scale code + bias = s code + b + s (turn (code - m) / r + shift)
    """

    def __init__(self, encoded: Encoded) -> None:
        if encoded.biases is None:
            raise AssertionError(f"{encoded.scheme.name} has no biases to train")
        self.encoded, self._scales, self._biases = encoded, encoded.scales, encoded.biases
        top = 2**encoded.scheme.bits - 1
        self._middle, self._spread = top / 2, top / math.sqrt(12)

    def start(self) -> Coordinates:
        """Return the coordinates of the scales and biases as they were given."""
        shape = self._scales.shape
        return {"turn": mx.zeros(shape), "shift": mx.zeros(shape)}

    def stored(self, at: Coordinates) -> tuple[mx.array, mx.array]:
        """Return scales and biases, float32 values that their dtype holds; derivatives pass the rounding by."""
        scales, biases = self._scales.astype(mx.float32), self._biases.astype(mx.float32)
        turn = at["turn"] / self._spread
        return self._rounded(scales * (1 + turn)), self._rounded(biases + scales * (at["shift"] - self._middle * turn))

    def _rounded(self, values: mx.array) -> mx.array:
        return values + mx.stop_gradient(values.astype(self._scales.dtype).astype(mx.float32) - values)

    def weight(self, at: Coordinates, dtype: mx.Dtype) -> mx.array:
        """Return the weight, (..., width), computed in `dtype`."""
        scheme = self.encoded.scheme
        scales, biases = (part.astype(dtype) for part in self.stored(at))
        return mx.dequantize(self.encoded.weight, scales, biases, scheme.group_size, scheme.bits)

    def moved(self, to: Coordinates) -> Encoded:
        """Return the codes with the scales and biases of other coordinates."""
        dtype = self._scales.dtype
        scales, biases = (part.astype(dtype) for part in self.stored(to))
        mx.eval(scales, biases)
        return replace(self.encoded, scales=scales, biases=biases)


class Student:
    """A model whose units make their weights of codes and coordinates.

    Args:
        model: with hollow units.
        grids: unit path to codes.
        modules: unit path to module, of all the model's units.
    """

    def __init__(self, model: nn.Module, grids: Mapping[str, Grid], modules: Mapping[str, nn.Module]) -> None:
        self.model, self.grids, self.modules = model, grids, modules
        self._units = {path: modules[path] for path in grids}
        self._current: dict[str, Coordinates] = {}

    def start(self) -> dict[str, Coordinates]:
        """Return the coordinates of what was given."""
        return {path: grid.start() for path, grid in self.grids.items()}

    def moved(self, to: Mapping[str, Coordinates]) -> dict[str, Encoded]:
        """Return the units with the scales and biases of other coordinates."""
        return {path: grid.moved(to[path]) for path, grid in self.grids.items()}

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Let the model compute with coordinates for a while."""
        classes = {path: type(unit) for path, unit in self._units.items()}
        with recomputed(self.model, self._units, self._current):
            for path, unit in self._units.items():
                unit.__class__ = _unit_class(classes[path], self.grids[path], path, self._current)
            try:
                yield
            finally:
                for path, unit in self._units.items():
                    unit.__class__ = classes[path]

    def judged(self, at: Mapping[str, Coordinates], judge: Reference) -> float:
        """Return the mean KL divergence from the reference per token, in nats."""
        self._current.update(at)
        found = divergences(self.model, judge, self.modules[judge.path], Silent())
        return float(mx.concatenate(found).mean())

    def gradient(self, at: Mapping[str, Coordinates], asked: Reference, index: int) -> dict[str, Coordinates]:
        """Return the derivative of the mean KL divergence per token over one row of text."""
        self._current.update(at)
        self.model.train()  # some architectures compute with kernels that have no derivative otherwise
        try:
            row, hidden = asked.rows[index], asked.hidden[index]
            target = reference_logits(self.model, self.modules[asked.path], asked, row, hidden)
            mx.eval(target)
            return with_derivatives(partial(self._derivative, at, row, target))
        finally:
            self.model.eval()

    def _derivative(self, at: Mapping[str, Coordinates], row: mx.array, target: mx.array) -> dict[str, Coordinates]:
        found: dict[str, Coordinates] = mx.grad(self._loss)(at, row, target)
        mx.eval(found)
        return found

    def _loss(self, at: Mapping[str, Coordinates], row: mx.array, target: mx.array) -> mx.array:
        self._current.update(at)
        return kl(target, self.model(row[None])[0]).mean()


def _unit_class(base: type[nn.Module], grid: Grid, path: str, current: Mapping[str, Coordinates]) -> type[nn.Module]:
    class Decoding(base):  # type: ignore[misc]
        def __call__(self, *args: Any, **options: Any) -> Any:
            with _filled(self, grid, current[path]):
                return super().__call__(*args, **options)

    if not hasattr(base, "as_linear"):
        return Decoding

    class Tied(Decoding):
        def as_linear(self, x: mx.array) -> Any:
            with _filled(self, grid, current[path]):
                return super().as_linear(x)

    return Tied


@contextmanager
def _filled(unit: nn.Module, grid: Grid, at: Coordinates) -> Iterator[None]:
    """Give a hollow unit its weight for one call."""
    hollow = unit.weight
    unit.weight = grid.weight(at, hollow.dtype).reshape(hollow.shape)
    try:
        yield
    finally:
        unit.weight = hollow
