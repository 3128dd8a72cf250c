"""Whole checkpoints written into folders: weights, index, texts, build record, and config.json last."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, Protocol

from mlxkit.core.checkpoint import Checkpoint, Tensor
from mlxkit.core.progress import Advance, Progress
from mlxkit.core.record import FILE_NAME, Record
from mlxkit.engines.store.writing import copy_companions, plan_shards, write_index, write_json, writing_shard


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


@dataclass(frozen=True)
class Draft:
    """A checkpoint that is to be written.

    Attributes:
        folder: an empty one.
        source: where tokenizer, template, generation config and license are copied from.
        stream: the weights.
        config: what config.json will hold.
        record: the build record, digests not yet known.
        parameters: how many numbers the weights stand for.
        shard_bytes: upper bound of a shard.
        with_code: copy the source's Python files too.
    """

    folder: Path
    source: Checkpoint
    stream: WeightStream
    config: Mapping[str, Any]
    record: Record
    parameters: int
    shard_bytes: int
    with_code: bool


def write_checkpoints(drafts: Sequence[Draft], progress: Progress) -> tuple[Written, ...]:
    """Fill empty folders with checkpoints, side by side: all of them take a module before any takes the next one.

    So what they make of one source needs its weights in memory once, a module at a time. config.json comes last:
    without it no reader takes a folder for a checkpoint.

    Args:
        drafts: of one source each module of which has the same path in all of them, in the same order.
        progress: told the bytes written.
    """
    total = sum(tensor.size_bytes for draft in drafts for tensor in draft.stream.tensors)
    places: dict[str, int] = {}
    for tensor in (tensor for draft in drafts for tensor in draft.stream.tensors):
        places.setdefault(tensor.module, len(places))
    found: dict[int, Written] = {}
    with progress.phase("Writing weights", total, "bytes") as advance, ExitStack() as stack:
        writers = [stack.enter_context(closing(_writing(draft, advance))) for draft in drafts]
        turns = [(-1, number) for number in range(len(writers))]
        while turns:
            _, number = heappop(turns)
            try:
                tensor = next(writers[number])
            except StopIteration as end:
                found[number] = end.value
            else:
                heappush(turns, (places[tensor.module], number))
    return tuple(found[number] for number in range(len(drafts)))


def _writing(draft: Draft, advance: Advance) -> Generator[Tensor, None, Written]:
    """Write one checkpoint, and give way before each tensor."""
    copy_companions(draft.source, draft.folder, with_code=draft.with_code)
    shards = tuple(plan_shards(draft.stream.tensors, draft.shard_bytes))
    digests: dict[str, str] = {}
    for shard in shards:
        digests.update((yield from writing_shard(draft.folder, shard, draft.stream.take, advance)))
    write_index(draft.folder, shards, draft.parameters)
    complete = replace(draft.record, digests=digests)
    write_json(draft.folder / FILE_NAME, complete.as_json())
    write_json(draft.folder / "config.json", draft.config)
    return Written(shards, complete)
