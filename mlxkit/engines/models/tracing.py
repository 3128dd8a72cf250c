"""What a model will take, from its config and the headers of its weights: mlx-lm's own class, and nothing evaluated.

The weights may be holes. What is not evaluated takes no memory: shapes and dtypes are known before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mlx import nn
from mlx.utils import tree_flatten

from mlxkit.core.anatomy import active_parameters, parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError
from mlxkit.core.fitting import PREFILL_STEP, gpu_workspace_bytes, workspace_bytes
from mlxkit.core.output import floating_dtype
from mlxkit.core.quantization import Unit, uniform
from mlxkit.core.schemes import Scheme
from mlxkit.engines.models.caching import CacheBytes, cache_bytes
from mlxkit.engines.models.graphing import Graph
from mlxkit.engines.models.loading import Opened, open_model, upstream
from mlxkit.engines.models.quantizing import apply, dequantize, units
from mlxkit.engines.models.streaming import cast, size_bytes


@dataclass(frozen=True)
class Traced:
    """A model none of whose weights was read.

    Attributes:
        checkpoint: what it was made of.
        model: the mlx-lm module, lazy, in the dtype and the scheme that were asked for.
        weight_bytes: of all its tensors, headers not counted.
        parameters: how many numbers they stand for, scales and biases of a quantization not counted.
        active_parameters: how many of the checkpoint's one token passes through; None when it is no mixture of experts.
        layers: how many layers the model says it has.
        notes: what a user should know about how mlx-lm computes it.
    """

    checkpoint: Checkpoint
    model: nn.Module
    weight_bytes: int
    parameters: int
    active_parameters: int | None
    layers: int
    notes: tuple[str, ...]

    @property
    def is_mixture(self) -> bool:
        """Whether it is a mixture of experts."""
        return self.active_parameters is not None

    def cache_bytes(self, tokens: int, batch: int = 1, *, prefill_step: int = PREFILL_STEP) -> CacheBytes:
        """Return what its cache takes after a prompt, in the dtypes that it computes in.

        Args:
            tokens: of each row, at least 1.
            batch: rows.
            prefill_step: tokens of a row that are prefilled at once.

        Raises:
            CheckpointError: mlx-lm's class fails, or cannot do without evaluating something.
        """
        with upstream(self.checkpoint):
            return cache_bytes(self.model, tokens, batch, prefill_step=prefill_step)

    def workspace_bytes(self, tokens: int, batch: int = 1, *, on_cpu: bool, is_plain: bool = False) -> int:
        """Return about what filling a context takes beside weights and cache.

        On MLX's CPU backend it is what the model's own graph holds there; where MLX cannot hand out the graph, a
        formula of the model's widths tells it.

        Args:
            tokens: of each row, at least 1.
            batch: rows.
            on_cpu: MLX's CPU backend computes it.
            is_plain: its weights are decoded, to four bytes a number.
        """
        if not on_cpu:
            return gpu_workspace_bytes(tokens, batch)
        try:
            with upstream(self.checkpoint):
                return (self._plain_graph if is_plain else self._graph).workspace_bytes(tokens, batch)
        except CheckpointError:
            is_quantized = not is_plain and any(part.scheme is not None for part in parts(self.checkpoint))
            config, number_bytes = self.checkpoint.config, 4 if is_plain else 2
            return workspace_bytes(
                config, tokens, batch, on_cpu=True, is_quantized=is_quantized, number_bytes=number_bytes
            )

    @cached_property
    def _graph(self) -> Graph:
        return Graph(self.model)

    @cached_property
    def _plain_graph(self) -> Graph:
        return Graph(self.model, is_plain=True)


def trace(
    checkpoint: Checkpoint, dtype: str | None = None, scheme: Scheme | None = None, *, trust_remote_code: bool = False
) -> Traced:
    """Trace a checkpoint as it would be loaded once it was converted or quantized.

    Args:
        checkpoint: sound; its weights may be holes.
        dtype: what `--dtype` would be; None for that command's own choice.
        scheme: quantize to it, from full precision; None to leave the weights, quantized or not, as they are stored.
        trust_remote_code: run code that comes with it.

    Raises:
        MlxkitError: as `open_model`.
    """
    opened = _opened(checkpoint, dtype, trust_remote_code=trust_remote_code, is_quantizing=scheme is not None)
    with upstream(checkpoint):
        if scheme is not None:
            apply(opened.model, uniform(units(opened.model), scheme))
        return Traced(
            checkpoint=checkpoint,
            model=opened.model,
            weight_bytes=size_bytes(opened.model),
            parameters=_parameters(opened.model),
            active_parameters=active_parameters(checkpoint.config, list(parts(checkpoint))),
            layers=len(getattr(opened.model, "layers", ())),
            notes=opened.notes,
        )


def weights(
    checkpoint: Checkpoint, schemes: Sequence[Scheme], dtype: str | None = None, *, trust_remote_code: bool = False
) -> tuple[int, ...]:
    """Return the bytes that `quantize` would write for each of several schemes, headers not counted.

    It is what `trace` finds for each of them, for the price of one.

    Args:
        checkpoint: sound; its weights may be holes.
        schemes: what to quantize to.
        dtype: what `--dtype` would be; None for `quantize`'s own choice.
        trust_remote_code: run code that comes with it.

    Raises:
        MlxkitError: as `open_model`.
    """
    model = _opened(checkpoint, dtype, trust_remote_code=trust_remote_code, is_quantizing=True).model
    number_bytes = 4 if (dtype or _dtype(checkpoint)) == "float32" else 2
    with upstream(checkpoint):
        found = units(model)
        fixed_bytes = size_bytes(model) - sum(unit.size_bytes(None, number_bytes) for unit in found)
    return tuple(fixed_bytes + _unit_bytes(found, scheme, number_bytes) for scheme in schemes)


def _unit_bytes(found: Sequence[Unit], scheme: Scheme, number_bytes: int) -> int:
    schemes = uniform(found, scheme).schemes
    return sum(unit.size_bytes(schemes.get(unit.path), number_bytes) for unit in found)


def _opened(checkpoint: Checkpoint, dtype: str | None, *, trust_remote_code: bool, is_quantizing: bool) -> Opened:
    """Open a checkpoint as `quantize` does, or as `convert`, which leaves a quantization alone."""
    opened = open_model(checkpoint, trust_remote_code=trust_remote_code)
    opened.model.eval()
    with upstream(checkpoint):
        if is_quantizing:
            dtype = dtype or _dtype(checkpoint)
            if opened.quantization is not None:
                dequantize(opened.model, dtype)
        if dtype is not None:
            cast(opened.model, dtype)
    return opened


def _dtype(checkpoint: Checkpoint) -> str:
    """Return `quantize`'s own choice: two bytes a number."""
    stored = floating_dtype(checkpoint.tensors.values())
    return stored if stored in ("bfloat16", "float16") else "bfloat16"


def _parameters(model: nn.Module) -> int:
    count: int = sum(array.size for _, array in tree_flatten(model.parameters()))
    for _, module in tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module):
        if "scales" in module and hasattr(module, "bits"):
            packed = [module[name].size for name in ("weight", "scales", "biases") if name in module]
            count += packed[0] * 32 // module.bits - sum(packed)
    return count
