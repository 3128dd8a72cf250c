"""Weight files by their headers, and whether the index agrees with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mlxkit.core.checkpoint import Tensor
from mlxkit.core.checks.jsons import Parsed
from mlxkit.core.codes import found
from mlxkit.core.fetching import INDEX
from mlxkit.core.findings import Finding
from mlxkit.core.wording import few

_TRUNCATED = ("invalid header length", "not fully covered")
_OFFSETS = ("invalid offset", "invalid shape")


@dataclass(frozen=True)
class Shard:
    """A file of weights at the top of the folder, as its header has it.

    Attributes:
        file: its name.
        size_bytes: its size.
        tensors: what it holds; empty when its header cannot be read.
        fault: what the safetensors library says of its header, or None.
    """

    file: str
    size_bytes: int
    tensors: tuple[Tensor, ...] = ()
    fault: str | None = None


def look(shards: Sequence[Shard], index: Parsed | None) -> Iterator[Finding]:
    """Yield what is wrong with weight files and their index.

    Args:
        shards: every safetensors file at the top of the folder.
        index: the index file, if there is one.
    """
    if not shards:
        yield found("files.weights_missing", "*.safetensors", "There is no weight file.")
    for shard in shards:
        yield from _headers(shard)
    if index is None:
        model = [shard.file for shard in shards if shard.file.startswith("model")]
        if len(model) > 1:
            yield found("files.index_missing", INDEX, f"There are {len(model)} weight files and no index.")
    elif index.fault is not None:
        yield found("files.index", INDEX, f"It is not JSON: {index.fault}.")
    else:
        yield from _index(shards, index.value)


def _headers(shard: Shard) -> Iterator[Finding]:
    fault, size = shard.fault, f"{shard.size_bytes:,} bytes"
    if fault is None and shard.tensors:
        return
    if fault is None or "too small" in fault:
        yield found("files.weights_empty", shard.file, f"It has {size} and holds no tensor.")
    elif any(words in fault for words in _TRUNCATED):
        yield found("files.truncated", shard.file, f"It has {size}, which is not what its header says: {fault}.")
    elif any(words in fault for words in _OFFSETS):
        yield found("files.offsets", shard.file, f"Its tensors do not lie one after the other: {fault}.")
    else:
        yield found("files.header", shard.file, f"Its header cannot be read: {fault}.")


def _index(shards: Sequence[Shard], value: Mapping[str, Any]) -> Iterator[Finding]:
    named = value.get("weight_map")
    if not isinstance(named, Mapping) or not named or not all(isinstance(file, str) for file in named.values()):
        yield found("files.index", INDEX, "It has no weight_map from tensor to file.")
        return
    leaving = [file for file in dict.fromkeys(named.values()) if _leaves(file)]
    if leaving:
        yield found("files.index", INDEX, f"It names files outside the folder: {few(leaving)}.")
        return
    here = {shard.file: shard for shard in shards}
    yield from (
        found("files.shard_missing", file, "The index names it, and it is not there.")
        for file in dict.fromkeys(named.values())
        if file not in here
    )
    sound = [shard for shard in shards if shard.tensors and shard.file in named.values()]
    yield from _tensors(named, sound)
    for shard in shards:
        if shard.file not in named.values() and shard.file.startswith("model"):
            yield found("files.stray_shard", shard.file, "The index does not name it.")
    metadata = value.get("metadata")
    said = metadata.get("total_size") if isinstance(metadata, Mapping) else None
    total = sum(tensor.size_bytes for shard in sound for tensor in shard.tensors)
    if len(sound) == len(set(named.values())) and said is not None and said != total:
        yield found("files.total_size", INDEX, f"total_size is {str(said)[:40]}; the tensors have {total:,} bytes.")


def _tensors(named: Mapping[str, str], sound: Sequence[Shard]) -> Iterator[Finding]:
    for shard in sound:
        holds = {tensor.name for tensor in shard.tensors}
        missing = sorted(name for name, file in named.items() if file == shard.file and name not in holds)
        if missing:
            yield found("files.tensor_missing", shard.file, f"It lacks what the index has in it: {few(missing)}.")
        extra = sorted(name for name in holds if named.get(name) != shard.file)
        if extra:
            yield found("files.tensor_unindexed", shard.file, f"The index does not have in it: {few(extra)}.")


def _leaves(file: str) -> bool:
    path = PurePosixPath(file)
    return path.is_absolute() or ".." in path.parts or "\\" in file or "\0" in file or not path.parts
