"""A whole checkpoint written into a folder: weights, index, texts, build record, and config.json last."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from mlxkit.core.checkpoint import Checkpoint, Tensor
from mlxkit.core.progress import Progress
from mlxkit.core.record import FILE_NAME, Record
from mlxkit.engines.store.writing import copy_companions, plan_shards, write_index, write_json, write_shard


class WeightStream(Protocol):
    """Weights that come one at a time."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What there is, in order."""

    def take(self, tensor: Tensor) -> memoryview:
        """Give one tensor's bytes, little-endian and contiguous, and forget it."""


@dataclass(frozen=True)
class Written:
    """What stands in the folder now.

    Attributes:
        shards: the weight files and what each holds.
        record: the build record, digests included.
    """

    shards: tuple[tuple[Tensor, ...], ...]
    record: Record

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.size_bytes for shard in self.shards for tensor in shard)


def write_checkpoint(
    folder: Path,
    source: Checkpoint,
    stream: WeightStream,
    *,
    config: Mapping[str, Any],
    record: Record,
    parameters: int,
    shard_bytes: int,
    with_code: bool,
    progress: Progress,
) -> Written:
    """Fill an empty folder with a checkpoint.

    config.json comes last: without it no reader takes the folder for a checkpoint.

    Args:
        folder: empty.
        source: where tokenizer, template, generation config and license are copied from.
        stream: the weights.
        config: what config.json will hold.
        record: the build record, digests not yet known.
        parameters: how many numbers the weights stand for.
        shard_bytes: upper bound of a shard.
        with_code: copy the source's Python files too.
        progress: told the bytes written.
    """
    copy_companions(source, folder, with_code=with_code)
    shards = tuple(plan_shards(stream.tensors, shard_bytes))
    digests: dict[str, str] = {}
    total = sum(tensor.size_bytes for shard in shards for tensor in shard)
    with progress.phase("Writing weights", total, "bytes") as advance:
        for shard in shards:
            digests.update(write_shard(folder, shard, stream.take, advance))
    write_index(folder, shards, parameters)
    complete = replace(record, digests=digests)
    write_json(folder / FILE_NAME, complete.as_json())
    write_json(folder / "config.json", config)
    return Written(shards, complete)
