"""The original on a workbench: text is written with it, sensitivities are measured, other weights are tried in it.

One model is in memory, with the originals' weights or with others in their places; what is taken out is read again from
the checkpoint when it is needed. On the CPU everything is computed in float32 with plain weights: MLX's quantized
products are slow there. On the GPU the model keeps its own dtype, and tried weights are multiplied as they are stored.
"""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_unflatten

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.progress import Progress
from mlxkit.core.quantization import uniform
from mlxkit.core.schemes import Scheme
from mlxkit.engines.models import quantizing
from mlxkit.engines.models.encoding import Encoded
from mlxkit.engines.models.loading import open_model, upstream
from mlxkit.engines.models.measuring import reference, statistics
from mlxkit.engines.models.measuring.statistics import Sensitivity
from mlxkit.engines.models.streaming import cast, demand_finite

REDUCED = Scheme("affine", 8, 64)
"""What stands in for an original that is too large for the memory: an eighth of a percent of noise."""


class Workbench:
    """A checkpoint's model, ready to be measured.

    Args:
        checkpoint: sound.
        dtype: what the weights that are tried have their scales in.
        is_reduced: take an 8-bit copy for the original.
        trust_remote_code: run code that comes with the checkpoint.

    Attributes:
        model: the mlx-lm module.

    Raises:
        MlxkitError: as `open_model`.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: str, *, is_reduced: bool, trust_remote_code: bool) -> None:
        self._checkpoint, self._dtype, self._trust = checkpoint, dtype, trust_remote_code
        self._is_reduced = is_reduced
        self._is_plain = mx.default_device() == mx.cpu and not is_reduced
        self._precision = "float32" if mx.default_device() == mx.cpu else dtype
        self.model = self._opened(self._precision)
        if is_reduced:
            quantizing.apply(self.model, uniform(quantizing.units(self.model), REDUCED))
        self.model.eval()
        self._is_finite = False
        self._reference: reference.Reference | None = None

    def _opened(self, dtype: str) -> nn.Module:
        opened = open_model(self._checkpoint, trust_remote_code=self._trust)
        if opened.quantization is not None:
            quantizing.dequantize(opened.model, dtype)
        cast(opened.model, dtype)
        return opened.model

    def demand_finite(self, progress: Progress) -> None:
        """Read all weights once, the first time: of others than finite ones no loss can be told.

        Raises:
            IntegrityError: one holds NaN or infinity.
        """
        if not self._is_finite:
            demand_finite(self._opened(self._dtype), progress)
            self._is_finite = True

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Unit path to the module that stands there now."""
        return units(self.model)

    def weights(self, paths: Iterable[str]) -> Iterator[tuple[str, mx.array]]:
        """Yield the originals' weights in the dtype of the output, each read when its turn comes and then let go."""
        modules = units(self._opened(self._dtype))
        for path in paths:
            yield path, modules.pop(path).weight

    def sensitivities(self, rows: mx.array, *, seed: int, progress: Progress) -> dict[str, Sensitivity]:
        """Measure every unit's sensitivity on text, (count, length) token ids."""
        measure = partial(statistics.sensitivities, self.model, self.modules, rows, seed=seed, progress=progress)
        with upstream(self._checkpoint):
            return statistics.with_derivatives(measure)

    def ask(self, rows: mx.array, progress: Progress) -> None:
        """Keep the original's answers to text, (count, length) token ids, for `divergences`."""
        self._reference = self.asked(rows, progress)

    def asked(self, rows: mx.array, progress: Progress) -> reference.Reference:
        """Return the original's answers to text, (count, length) token ids."""
        with upstream(self._checkpoint):
            return reference.reference(self.model, self.modules, rows, progress)

    def divergences(self, progress: Progress) -> list[float]:
        """Return KL(original || what stands on the bench) in nats per token, for each row that `ask` was given."""
        if self._reference is None:
            raise AssertionError("ask comes first")
        head = self.modules[self._reference.path]
        return [float(row.mean()) for row in reference.divergences(self.model, self._reference, head, progress)]

    @contextmanager
    def trying(self, encoded: Iterable[tuple[str, Encoded]]) -> Iterator[None]:
        """Put other weights in the places of the originals for a while."""
        tried = []
        modules = self.modules
        try:
            for path, weights in encoded:
                self._set(path, self._module(modules[path], weights))
                tried.append(path)
            yield
        finally:
            self._restore(tried)

    @contextmanager
    def hollowed(self, paths: Iterable[str]) -> Iterator[dict[str, nn.Module]]:
        """Take the originals' weights out for a while; who calls the model puts others in before.

        Yields:
            Unit path to module, of all units; the hollow ones are of their unquantized classes, and their weights have
            shapes and dtypes and take no memory.
        """
        hollow = list(paths)
        originals = units(self._opened(self._precision))
        try:
            for path in hollow:
                module = originals.pop(path)
                module.weight = mx.broadcast_to(mx.zeros((), module.weight.dtype), module.weight.shape)
                mx.eval(module.parameters())
                self._set(path, module)
            yield self.modules
        finally:
            self._restore(hollow)

    def _module(self, unit: nn.Module, encoded: Encoded) -> nn.Module:
        if self._is_plain:
            module = copy.copy(unit)
            module.weight = encoded.decoded().reshape(unit.weight.shape)
            mx.eval(module.weight)
            return module
        scheme = encoded.scheme
        module = unit.to_quantized(**scheme.keys()) if hasattr(unit, "to_quantized") else copy.copy(unit)
        for name, value in {**scheme.keys(), "biases": None, **encoded.arrays()}.items():
            setattr(module, name, value)
        return module

    def _restore(self, paths: list[str]) -> None:
        modules = units(self._opened(self._precision))
        for path in paths:
            module = modules.pop(path)
            if self._is_reduced:
                scheme = REDUCED.fitted(module.weight.shape[-1])
                module = module if scheme is None else module.to_quantized(**scheme.keys())
            mx.eval(module.parameters())
            self._set(path, module)

    def _set(self, path: str, module: nn.Module) -> None:
        self.model.update_modules(tree_unflatten([(path, module)]))


def units(model: nn.Module) -> dict[str, nn.Module]:
    """Return unit path to module: of each that can be quantized, or is."""
    modules = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    return {path: module for path, module in modules if hasattr(module, "to_quantized") or hasattr(module, "scales")}
