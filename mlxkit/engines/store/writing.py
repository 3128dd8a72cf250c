"""Weights written as a stream: one tensor in memory at a time, hashed on the way, whatever the shard size.

The layout is https://github.com/huggingface/safetensors#format: eight bytes with the header's length, the header as
JSON, the tensors' bytes without holes. The safetensors library writes a shard only from memory that holds all of it.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mlxkit.core.checkpoint import DTYPE_BITS, Checkpoint, Tensor
from mlxkit.core.errors import CheckpointError
from mlxkit.core.progress import Advance

Payload = Callable[[Tensor], memoryview]
"""Gives a planned tensor's bytes, little-endian and contiguous; it is called once for each, in order."""

_ALIGNMENT = 8
_INDEX = "model.safetensors.index.json"
_COMPANIONS = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.tiktoken", "*.model",
    "chat_template*", "*.jinja", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*", "COPYING*",
)  # fmt: skip


def plan_shards(tensors: Iterable[Tensor], limit_bytes: int) -> list[tuple[Tensor, ...]]:
    """Spread tensors over shards, in order, each shard at most `limit_bytes` unless one tensor alone is larger.

    Within a shard, tensors whose bytes do not end on an 8-byte boundary go last, so that all others are aligned.
    """
    shards: list[list[Tensor]] = []
    filled = 0
    for tensor in tensors:
        if not shards or filled + tensor.size_bytes > limit_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(tensor)
        filled += tensor.size_bytes
    names = shard_names(len(shards))
    return [
        tuple(Tensor(tensor.name, tensor.dtype, tensor.shape, name) for tensor in sorted(shard, key=_misalignment))
        for name, shard in zip(names, shards, strict=True)
    ]


def _misalignment(tensor: Tensor) -> int:
    return DTYPE_BITS["U64"] - DTYPE_BITS[tensor.dtype] + 1 if tensor.size_bytes % _ALIGNMENT else 0


def shard_names(count: int) -> list[str]:
    """Return the Hub's file names for that many shards."""
    if count == 1:
        return ["model.safetensors"]
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]


def writing_shard(
    folder: Path, shard: Sequence[Tensor], payload: Payload, advance: Advance
) -> Generator[Tensor, None, dict[str, str]]:
    """Write one shard, and give way before each tensor; what it returns is each tensor's sha256, in hexadecimal.

    While one tensor is being hashed and written, the next is already being made.

    Args:
        folder: where the file goes.
        shard: its tensors, in order; their `file` is the shard's name.
        payload: gives each tensor's bytes.
        advance: told the bytes written.
    """
    digests: dict[str, str] = {}
    with (folder / shard[0].file).open("wb") as file, ThreadPoolExecutor(1) as writer:
        file.write(_header(shard))
        pending: Future[str] | None = None
        for tensor in shard:
            yield tensor
            view = payload(tensor)
            if view.nbytes != tensor.size_bytes:
                raise AssertionError(f"{tensor.name}: planned {tensor.size_bytes} bytes, got {view.nbytes}")
            if pending is not None:
                pending.result()
            pending = writer.submit(_append, file, tensor, view, digests, advance)
            del view
        if pending is not None:
            pending.result()
    return digests


def _append(file: IO[bytes], tensor: Tensor, view: memoryview, digests: dict[str, str], advance: Advance) -> str:
    file.write(view)
    digests[tensor.name] = digest = hashlib.sha256(view).hexdigest()
    advance(tensor.size_bytes)
    return digest


def _header(shard: Sequence[Tensor]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {"format": "mlx"}}
    offset = 0
    for tensor in shard:
        end = offset + tensor.size_bytes
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def write_index(folder: Path, shards: Sequence[Sequence[Tensor]], parameters: int) -> None:
    """Write the index that tells which shard holds which tensor."""
    tensors = [tensor for shard in shards for tensor in shard]
    total = sum(tensor.size_bytes for tensor in tensors)
    write_json(
        folder / _INDEX,
        {
            "metadata": {"total_size": total, "total_parameters": parameters},
            "weight_map": {tensor.name: tensor.file for tensor in sorted(tensors, key=lambda tensor: tensor.name)},
        },
    )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file as the Hub's libraries do: indented, UTF-8, ending in a newline."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def copy_companions(checkpoint: Checkpoint, folder: Path, *, with_code: bool) -> tuple[str, ...]:
    """Copy what stands beside the weights, byte for byte: tokenizer, template, generation config, license, notice.

    Args:
        checkpoint: where from.
        folder: where to.
        with_code: Python files too, for a checkpoint whose own code was trusted.

    Returns:
        The names of what was copied.

    Raises:
        CheckpointError: one of them is JSON by its name and not by its content.
    """
    patterns = (*_COMPANIONS, "*.py") if with_code else _COMPANIONS
    chosen = [
        file
        for file in checkpoint.files
        if "/" not in file and any(PurePosixPath(file).match(pattern) for pattern in patterns)
    ]
    for file in chosen:
        origin = checkpoint.folder / file
        if file.endswith(".json"):
            try:
                json.loads(origin.read_bytes())
            except (ValueError, RecursionError) as error:
                raise CheckpointError(f"{str(origin)!r} is not JSON: {error}.", hint="fetch that file again") from error
        shutil.copyfile(origin, folder / file)
    return tuple(chosen)
