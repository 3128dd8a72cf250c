"""Quantizing a model by a layout: lazily, with MLX's own encoders."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.utils import dequantize_model

from mlxkit.core.quantization import Layout, Unit
from mlxkit.core.schemes import Scheme, from_keys
from mlxkit.engines.models.encoding import Encoded

Give = Callable[[str, mx.array, Scheme], Encoded]
"""Gives a unit's codes, scales and biases, by its path, weight and scheme."""


def units(model: nn.Module) -> tuple[Unit, ...]:
    """Return the modules that can be quantized, each with the floor that the model's own class sets for it."""
    predicate = getattr(model, "quant_predicate", None) or (lambda _path, _module: True)
    return tuple(
        Unit(
            path,
            module.weight.shape[-1],
            _floor(predicate, path, module),
            rows=module.weight.size // module.weight.shape[-1],
        )
        for path, module in _modules(model)
        if hasattr(module, "to_quantized")
    )


def _floor(predicate: Callable[[str, Any], Any], path: str, module: nn.Module) -> Scheme | bool | None:
    wanted = predicate(path, module)
    if isinstance(wanted, dict):
        return from_keys(wanted)
    return None if wanted else False


def apply(model: nn.Module, layout: Layout, give: Give | None = None) -> None:
    """Quantize the units of a layout in place; nothing is evaluated, unless `give` does.

    Args:
        model: with the originals' weights.
        layout: which unit gets which scheme.
        give: gives a unit's codes, scales and biases, by its path, weight and scheme; None for MLX's own encoder.
    """
    schemes = layout.schemes
    weights = {path: module.weight for path, module in _modules(model) if path in schemes}
    nn.quantize(model, class_predicate=lambda path, _: schemes[path].keys() if path in schemes else False)
    if give is None:
        return
    for path, module in _modules(model):
        if path in schemes:
            for name, array in give(path, weights.pop(path), schemes[path]).arrays().items():
                setattr(module, name, array)


def _modules(model: nn.Module) -> list[tuple[str, nn.Module]]:
    found: list[tuple[str, nn.Module]] = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    return found


def dequantize(model: nn.Module, dtype: str) -> None:
    """Undo a quantization in place, lazily: the numbers stay as coarse as they were.

    Args:
        model: a model with quantized layers.
        dtype: what the weights become.
    """
    dequantize_model(model)
    model.set_dtype(getattr(mx, dtype))


def plain(model: nn.Module, *, is_quantized: bool) -> None:
    """Make a model ready to be computed where MLX computes by default, lazily and in place.

    On the CPU in float32 with plain weights: MLX's quantized products are slow there. On the GPU it keeps its dtypes
    and its weights.

    Args:
        model: as it was opened.
        is_quantized: some of its layers are.
    """
    model.eval()
    if mx.default_device() != mx.cpu:
        return
    model.set_dtype(mx.float32)  # scales and biases too, so that weights are decoded in float32
    if is_quantized:
        dequantize(model, "float32")
