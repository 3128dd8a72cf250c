"""What config.json says of quantization, held against the arrays and against what stock readers take."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlxkit.core.anatomy import parts
from mlxkit.core.checkpoint import Checkpoint, Tensor
from mlxkit.core.codes import found
from mlxkit.core.config.values import shown
from mlxkit.core.findings import Finding
from mlxkit.core.wording import few

_WHERE = "config.json: quantization"
_THREE = frozenset({"bits", "group_size", "mode"})
_OTHERS = _THREE | {"quant_method", "linear_class", "quantization_mode"}
"""Keys that are no layer's path."""

_BITS = re.compile(r"(?:^|[-_.])(\d)[-_]?bits?(?![a-z])", re.IGNORECASE)
_PER_WEIGHT = re.compile(r"(?:^|[-_])(\d+(?:\.\d+)?)[-_]?bpw(?![a-z])", re.IGNORECASE)
_FULL = re.compile(r"(?:^|[-_])(?:bf16|fp16|f16|bfloat16|float16|fp32|float32)$", re.IGNORECASE)
_TOLERANCE = 0.5  # bits per weight


def look(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[Finding]:
    """Yield where config and arrays, or two readers of the config, disagree.

    Args:
        config: config.json as it is written.
        tensors: all of them, by name; empty when they are not known.
    """
    entry, twin = config.get("quantization"), config.get("quantization_config")
    others = is_foreign(config)
    if entry is not None and twin is not None and entry != twin:
        said = "It is not what `quantization` says; transformers and the Hub read the one, mlx-lm the other."
        yield found("config.quantization_differs", "config.json: quantization_config", said)
    claimed = entry if entry is not None else (None if others else twin)
    if isinstance(claimed, Mapping):
        yield from _keys(claimed)
    elif claimed is not None:
        yield found("config.quantization_keys", _WHERE, f"It is {shown(claimed)} where an object is expected.")
    if not tensors:
        return
    quantized = {name.removesuffix(".scales") for name in tensors if name.endswith(".scales")}
    quantized = {path for path in quantized if f"{path}.weight" in tensors}
    if isinstance(claimed, Mapping) and not quantized:
        yield found("config.quantization_unfounded", _WHERE, f"It says {_said(claimed)}, and no tensor has scales.")
    elif claimed is None and quantized and not others:
        said = f"{len(quantized)} weights have scales, and nothing says how they are quantized."
        yield found("config.quantization_unsaid", _WHERE, said)
    elif isinstance(claimed, Mapping):
        yield from _shapes(claimed, quantized, tensors)


def name_bits(name: str, checkpoint: Checkpoint) -> Iterator[Finding]:
    """Yield that a name promises other bits than the weights have.

    Args:
        name: of the folder or the repo.
        checkpoint: its tensors are known.
    """
    if is_foreign(checkpoint.config):
        return
    bare = name.rstrip("/").rpartition("/")[2]
    entry = checkpoint.config.get("quantization")
    bits = entry.get("bits") if isinstance(entry, Mapping) else None
    known = [(part.size_bytes, part.parameters) for part in parts(checkpoint)]
    parameters = sum(count for _, count in known)
    actual = 8 * sum(size for size, _ in known) / parameters if parameters else 0.0
    promised, per_weight = _BITS.search(bare), _PER_WEIGHT.search(bare)
    if promised is not None:
        least = int(promised[1])
        is_kept = bits == least or least <= actual < least + 1
    elif per_weight is not None:
        is_kept = abs(float(per_weight[1]) - actual) <= _TOLERANCE
    else:
        is_kept = not (_FULL.search(bare) and bits is not None)
    if not is_kept:
        yield found("config.name_bits", bare, f"The weights have {actual:.2f} bits each, scales included.")


def is_foreign(config: Mapping[str, Any]) -> bool:
    """Say whether another tool than MLX quantized it, such as GPTQ: its arrays are another matter."""
    twin = config.get("quantization_config")
    return isinstance(twin, Mapping) and twin.get("quant_method") is not None and "quantization" not in config


def _keys(entry: Mapping[str, Any]) -> Iterator[Finding]:
    missing = sorted({"bits", "group_size"} - entry.keys())
    if missing:
        yield found("config.quantization_keys", _WHERE, f"It lacks {' and '.join(missing)}.")
    wrong = [
        path
        for path, value in entry.items()
        if path not in _OTHERS and value is not False and not (isinstance(value, Mapping) and value.keys() >= _THREE)
    ]
    if wrong:
        said = f"Neither false nor an object of bits, group_size and mode: {few(wrong)}."
        yield found("config.quantization_keys", _WHERE, said)


def _shapes(entry: Mapping[str, Any], quantized: set[str], tensors: Mapping[str, Tensor]) -> Iterator[Finding]:
    wrong = sorted(path for path in quantized if not _fits(entry, path, tensors))
    if wrong:
        said = f"{_said(entry)} does not fit the shapes of {few(wrong)}."
        yield found("config.quantization_shapes", _WHERE, said)
    unfounded = sorted(
        path for path, value in entry.items() if path not in _OTHERS and isinstance(value, Mapping)
        if path not in quantized
    )  # fmt: skip
    if unfounded:
        said = f"Layers are named that have no scales: {few(unfounded)}."
        yield found("config.quantization_shapes", _WHERE, said)


def _fits(entry: Mapping[str, Any], path: str, tensors: Mapping[str, Tensor]) -> bool:
    """Say whether a layer's packed width and number of groups give the same width.

    width = 32 x packed / bits = groups x group_size
    """
    own = entry.get(path)
    if own is False:
        return False
    said = own if isinstance(own, Mapping) else entry
    bits, group_size = said.get("bits"), said.get("group_size")
    weight, scales = tensors[f"{path}.weight"], tensors[f"{path}.scales"]
    if not (isinstance(bits, int) and isinstance(group_size, int) and bits > 0 and weight.shape and scales.shape):
        return False
    width = scales.shape[-1] * group_size
    return weight.shape[:-1] == scales.shape[:-1] and 32 * weight.shape[-1] == bits * width


def _said(entry: Mapping[str, Any]) -> str:
    return f"{shown(entry.get('bits'))} bits in groups of {shown(entry.get('group_size'))}"
