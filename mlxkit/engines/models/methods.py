"""Quantizing by the methods of mlx-lm that look at text, AWQ and GPTQ.

AWQ scales and clips weights before they are rounded; GPTQ makes up for the rounding of a column in those after it.
The functions are mlx-lm's own. Their text is not, and is never fetched: they are given rows of tokens. Their bars are
not either: their steps are told to a phase of ours.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.models.switch_layers import SwitchLinear
from mlx_lm.quant.awq import AWQ_MODEL_CONFIGS, awq_quantize, submodule_from_key
from mlx_lm.quant.gptq import gptq_quantize

from mlxkit.core.checkpoint import Checkpoint, remote_code
from mlxkit.core.errors import CheckpointError, MlxkitError, PlanError
from mlxkit.core.progress import Advance, Progress
from mlxkit.core.quantization import Layout, Skipped
from mlxkit.core.schemes import GROUP_SIZES, Scheme
from mlxkit.core.wording import few
from mlxkit.engines.models.loading import open_model
from mlxkit.engines.models.quantizing import dequantize

METHODS = ("awq", "gptq")
"""What mlx-lm has a function for that takes text."""

_GPTQ_BITS = (2, 4, 8)
"""Widths that its packing knows: codes that do not straddle two integers."""

_GPTQ_BATCH = 8
"""Rows of one forward pass, mlx-lm's own default."""

_ROUNDED = {"awq": Scheme("affine", 4, 32), "gptq": Scheme("affine", 6, 64)}
"""mlx-lm's own choice for what a method does not calibrate."""

_HINT = "quantize it without --method, or choose another --scheme"

_Step = TypeVar("_Step")
_Named = tuple[str, Any]


@dataclass(frozen=True)
class _Parts:
    """The modules of a model that a method quantizes, by path.

    Attributes:
        calibrated: those that it looks at text for; they get the scheme.
        rounded: the others, such as the embedding.
    """

    calibrated: Sequence[_Named]
    rounded: Sequence[_Named]


class _Bar:
    """What mlx-lm's functions find where they look for tqdm."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def __call__(self, steps: Iterable[_Step], **_: Any) -> Iterator[_Step]:
        for step in steps:
            yield step
            self._advance(1)

    def write(self, text: str) -> None:
        """Drop what mlx-lm would print between two states of its bar."""


def refusal(method: str, checkpoint: Checkpoint, scheme: Scheme) -> str | None:
    """Say in one sentence why a method cannot make a scheme of a checkpoint; None if nothing is known against it.

    Nothing is evaluated. Of a checkpoint with code of its own only the config is asked: `by_method` asks the rest.

    Args:
        method: one of `METHODS`.
        checkpoint: what is to be quantized.
        scheme: what most of its weights are to get.

    Raises:
        MlxkitError: the checkpoint cannot be opened.
    """
    unknown = _unknown(method, checkpoint.architecture, scheme)
    if unknown or remote_code(checkpoint):
        return unknown
    opened = open_model(checkpoint)
    if opened.quantization is not None:
        dequantize(opened.model, "float32")
    return _unfit(method, opened.model, checkpoint.architecture, scheme)


def by_method(
    method: str, model: nn.Module, rows: mx.array, scheme: Scheme, checkpoint: Checkpoint, progress: Progress
) -> Layout:
    """Quantize a model in place, and return the layout that it has then. All its weights are in memory meanwhile.

    AWQ moves scales from weights into the norms and weights before them: what stays unquantized changes too. Floating
    weights keep the dtype that they come with, and scales take the one of their weight.

    Args:
        method: one of `METHODS`.
        model: unquantized, cast to the dtype in which it is to be written.
        rows: (rows, time), integers: the text to look at.
        scheme: what the calibrated weights get. The others get what mlx-lm chooses, but never fewer bits than that.
        checkpoint: what the model was opened from, for messages.
        progress: told batches and layers.

    Raises:
        PlanError: the method cannot do it, for a reason that is known beforehand.
        CheckpointError: mlx-lm's function fails, or its result is not finite.
    """
    architecture = checkpoint.architecture
    reason = _unknown(method, architecture, scheme) or _unfit(method, model, architecture, scheme)
    if reason:
        raise PlanError(reason, hint=_HINT)
    parts = _parts(method, model, architecture)
    rest = _rest(method, scheme, parts)
    steps = _steps(method, model, rows, parts, architecture)
    with (
        _translating(method, checkpoint),
        _computable(model),
        progress.phase(f"Quantizing with {method.upper()}", steps, "count") as advance,
    ):
        _run(method, model, rows, scheme, rest, architecture, advance)
    _refuse_infinite(method, model, checkpoint)
    return _layout(method, model, scheme)


def _unknown(method: str, architecture: str, scheme: Scheme) -> str | None:
    if scheme.mode != "affine":
        return f"mlx-lm's {method} makes affine schemes only, and {scheme.name} is none."
    if method == "gptq" and scheme.bits not in _GPTQ_BITS:
        return f"mlx-lm's gptq packs 2, 4 or 8 bits, not {scheme.bits}."
    if method == "awq" and architecture not in AWQ_MODEL_CONFIGS:
        known = ", ".join(sorted(AWQ_MODEL_CONFIGS))
        return f"mlx-lm's awq does not know the architecture {architecture!r}, only {known}."
    return None


def _unfit(method: str, model: nn.Module, architecture: str, scheme: Scheme) -> str | None:
    if method == "awq" and (missing := _missing(model, architecture)):
        return f"mlx-lm's awq scales {missing!r}, which this {architecture!r} has not."
    parts = _parts(method, model, architecture)
    return _indivisible(method, parts.calibrated, scheme.group_size) or _indivisible(
        method, parts.rounded, min(GROUP_SIZES["affine"])
    )


def _indivisible(method: str, named: Sequence[_Named], group_size: int) -> str | None:
    odd = [f"{path} ({_width(module)})" for path, module in named if _width(module) % group_size]
    return f"mlx-lm's {method} needs widths that {group_size} divides, unlike those of {few(odd)}." if odd else None


def _missing(model: nn.Module, architecture: str) -> str | None:
    """Return a module that mlx-lm's table names for this architecture, and that a layer of the model does not have."""
    for block in _language(model, architecture).layers:
        for entry in AWQ_MODEL_CONFIGS[architecture].scale_configs:
            if entry.use_config is not None and not entry.use_config(block):
                continue
            within = f"{entry.block}." if entry.block else ""
            for name in (entry.prev, *(f"{within}{layer}" for layer in entry.layers)):
                try:
                    submodule_from_key(block, name)
                except KeyError:
                    return str(name)
    return None


def _language(model: nn.Module, architecture: str) -> Any:
    """Return the part of a model that AWQ works on."""
    key = AWQ_MODEL_CONFIGS[architecture].lm_key
    return model if key is None else model[key]


def _leaves(model: nn.Module) -> list[_Named]:
    return list(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))


def _width(module: Any) -> int:
    return int(module.weight.shape[-1])


def _parts(method: str, model: nn.Module, architecture: str) -> _Parts:
    named = [(path, module) for path, module in _leaves(model) if hasattr(module, "to_quantized")]
    if method == "gptq":
        # The very types, as in mlx-lm: what is derived from them is only rounded.
        calibrated = {path for path, module in named if type(module) in (nn.Linear, SwitchLinear)}
        rounded = {path for path, _ in named} - calibrated
    else:
        config, language = AWQ_MODEL_CONFIGS[architecture], _language(model, architecture)
        blocks = {id(module) for block in language.layers for _, module in _leaves(block)}
        ends = {id(language.model[config.embed]), id(language.get(config.lm_head))}
        calibrated = {path for path, module in named if id(module) in blocks}
        rounded = {path for path, module in named if id(module) in ends}
    return _Parts(
        calibrated=[(path, module) for path, module in named if path in calibrated],
        rounded=[(path, module) for path, module in named if path in rounded],
    )


def _rest(method: str, scheme: Scheme, parts: _Parts) -> Scheme:
    """Return the one scheme of all that is only rounded, with the largest group size that fits each."""
    chosen = _ROUNDED[method]
    wide = Scheme("affine", max(chosen.bits, scheme.bits), chosen.group_size)
    return min((wide.fitted(_width(module)) or wide for _, module in parts.rounded), default=wide)


def _steps(method: str, model: nn.Module, rows: mx.array, parts: _Parts, architecture: str) -> int:
    if method == "awq":
        return len(_language(model, architecture).layers)
    return -(-len(rows) // _GPTQ_BATCH) + len(parts.calibrated)


def _run(
    method: str, model: nn.Module, rows: mx.array, scheme: Scheme, rest: Scheme, architecture: str, advance: Advance
) -> None:
    if method == "awq":
        _telling(awq_quantize, advance)(
            model,
            rows,
            AWQ_MODEL_CONFIGS[architecture],
            bits=scheme.bits,
            group_size=scheme.group_size,
            embed_bits=rest.bits,
            embed_group_size=rest.group_size,
        )
    else:
        _telling(gptq_quantize, advance)(
            model,
            rows,
            bits=scheme.bits,
            group_size=scheme.group_size,
            fallback_bits=rest.bits,
            fallback_group_size=rest.group_size,
            batch_size=_GPTQ_BATCH,
        )


def _telling(function: Any, advance: Advance) -> Any:
    """Return a function of mlx-lm's with our bar for tqdm: the same code, and nothing patched for others."""
    names = {**function.__globals__, "tqdm": _Bar(advance)}
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


@contextmanager
def _translating(method: str, checkpoint: Checkpoint) -> Iterator[None]:
    try:
        yield
    except MlxkitError:
        raise
    except Exception as error:
        detail = " ".join(str(error).split())[:300] or "no reason given"
        raise CheckpointError(
            f"mlx-lm's {method} fails on {checkpoint.name!r}, which is {checkpoint.architecture!r}: "
            f"{type(error).__name__}: {detail}.",
            hint="quantize it without --method; MLXKIT_DEBUG=1 shows where it failed",
        ) from error


@contextmanager
def _computable(model: nn.Module) -> Iterator[None]:
    """Give a model the dtype in which MLX can compute it, and its own again afterwards.

    MLX's CPU backend multiplies stacked experts in float32 only.
    """
    if mx.default_device() != mx.cpu:
        yield
        return
    before = {path: array.dtype for path, array in tree_flatten(model.parameters())}
    model.set_dtype(mx.float32)
    yield

    def back(path: str, array: mx.array) -> mx.array:
        if not mx.issubdtype(array.dtype, mx.floating):
            return array
        weight = f"{path.rpartition('.')[0]}.weight"  # scales and biases are new
        return array.astype(before[path if path in before else weight])

    model.update(tree_map_with_path(back, model.parameters()))


def _refuse_infinite(method: str, model: nn.Module, checkpoint: Checkpoint) -> None:
    """Refuse what a Hessian without a Cholesky factor leaves: MLX does not raise there, and the weights become NaN."""
    floats = {
        path: mx.isfinite(array).all()
        for path, array in tree_flatten(model.parameters())
        if mx.issubdtype(array.dtype, mx.floating)
    }
    mx.eval(floats)
    bad = [path for path, is_finite in floats.items() if not is_finite.item()]
    if bad:
        raise CheckpointError(
            f"mlx-lm's {method} leaves NaN or infinity in {checkpoint.name!r}: {few(bad)}.",
            hint="give it more text, or quantize without --method",
        )


def _layout(method: str, model: nn.Module, scheme: Scheme) -> Layout:
    schemes: dict[str, Scheme] = {}
    skipped: list[Skipped] = []
    for path, module in _leaves(model):
        if "scales" in module:
            schemes[path] = Scheme(module.mode, module.bits, module.group_size)
        elif hasattr(module, "to_quantized"):
            skipped.append(Skipped(path, f"mlx-lm's {method} leaves it as it is"))
    return Layout(scheme, schemes, tuple(skipped))
