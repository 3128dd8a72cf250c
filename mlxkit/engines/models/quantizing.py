"""Quantizing a model by a layout: lazily, with MLX's own encoders."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.utils import dequantize_model

from mlxkit.core.quantization import Layout, Unit
from mlxkit.core.schemes import Scheme, from_keys


def units(model: nn.Module) -> tuple[Unit, ...]:
    """Return the modules that can be quantized, each with the floor that the model's own class sets for it."""
    predicate = getattr(model, "quant_predicate", None) or (lambda _path, _module: True)
    modules = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    return tuple(
        Unit(path, module.weight.shape[-1], _floor(predicate, path, module))
        for path, module in modules
        if hasattr(module, "to_quantized")
    )


def _floor(predicate: Callable[[str, Any], Any], path: str, module: nn.Module) -> Scheme | bool | None:
    wanted = predicate(path, module)
    if isinstance(wanted, dict):
        return from_keys(wanted)
    return None if wanted else False


def apply(model: nn.Module, layout: Layout) -> None:
    """Quantize the units of a layout in place; nothing is evaluated."""
    schemes = layout.schemes
    nn.quantize(model, class_predicate=lambda path, _: schemes[path].keys() if path in schemes else False)


def dequantize(model: nn.Module, dtype: str) -> None:
    """Undo a quantization in place, lazily: the numbers stay as coarse as they were.

    Args:
        model: a model with quantized layers.
        dtype: what the weights become.
    """
    dequantize_model(model)
    model.set_dtype(getattr(mx, dtype))
