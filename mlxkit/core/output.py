"""What config.json of a written checkpoint says."""

from collections import Counter
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from mlxkit.core.checkpoint import MLX_DTYPES, Checkpoint, Tensor
from mlxkit.core.located import Located
from mlxkit.core.record import Source

_PRIVATE = ("_name_or_path",)
"""Keys that name a folder on the machine of whoever saved the checkpoint."""


def floating_dtype(tensors: Iterable[Tensor]) -> str | None:
    """Return the config name of the floating dtype that holds the most bytes; None when there is none."""
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        if tensor.dtype in MLX_DTYPES:
            sizes[MLX_DTYPES[tensor.dtype]] += tensor.size_bytes
    return sizes.most_common(1)[0][0] if sizes else None


def output_config(
    config: Mapping[str, Any], dtype: str | None, quantization: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the config to write beside converted weights.

    Args:
        config: the source's, normalized.
        dtype: of the floating weights; written as `dtype` and `torch_dtype`, which new and old readers look for.
        quantization: the object that MLX's readers expect, or None for full precision.
    """
    written = {key: deepcopy(value) for key, value in config.items() if key not in _PRIVATE}
    for section in (written, written.get("text_config")):
        if isinstance(section, dict) and dtype is not None and (section is written or "dtype" in section):
            section.update(dtype=dtype, torch_dtype=dtype)
    for key in ("quantization", "quantization_config"):
        # transformers and the Hub read the one, mlx-lm and mlx-swift the other.
        if quantization is not None:
            written[key] = dict(quantization)
        else:
            written.pop(key, None)
    return written


def source_of(name: str, located: Located, checkpoint: Checkpoint) -> Source:
    """Return what a build record says of where weights came from.

    Args:
        name: what the user called the source, as others may see it.
        located: where that led to.
        checkpoint: what is there.
    """
    return Source(name, located.repo, located.commit, source_license(checkpoint), located.tokenizer)


def source_license(checkpoint: Checkpoint) -> str | None:
    """Return the license identifier: the card's, or the build record's where mlxkit wrote the weights."""
    for origin in (checkpoint.card, checkpoint.record.get("source") or {}):
        value = origin.get("license") if isinstance(origin, Mapping) else None
        if isinstance(value, str):
            return value
    return None
