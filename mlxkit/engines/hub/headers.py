"""What a remote checkpoint is, from its headers: the tensors of each shard, and a folder that looks like the whole.

A safetensors file begins with eight bytes that tell the length of a JSON header:
https://github.com/huggingface/safetensors#format. The rest is never asked for.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event

from mlxkit.core.checkpoint import DTYPE_BITS, Tensor
from mlxkit.core.errors import IntegrityError
from mlxkit.core.fetching import RemoteFile
from mlxkit.engines.hub.api import Repository, read_file, read_range
from mlxkit.engines.hub.crew import MOST_WORKERS, in_parallel
from mlxkit.engines.hub.settings import Hub

_LENGTH = 8
# Most headers are shorter, says huggingface_hub's parse_safetensors_file_metadata: one request then does for both.
_FIRST = 100_000
_LONGEST = 100_000_000  # the format's own limit
_METADATA = "__metadata__"


def read_headers(
    hub: Hub, repository: Repository, shards: Sequence[RemoteFile], *, workers: int = MOST_WORKERS
) -> Mapping[str, tuple[Tensor, ...]]:
    """Return the tensors of each shard, by its path.

    Args:
        hub: how the Hub is set up.
        repository: the repo at its commit.
        shards: which of its files; safetensors.
        workers: how many at once, 1 to 8.

    Raises:
        HubError: a header cannot be had.
        IntegrityError: it is not one.
    """
    raw = _raw_headers(hub, repository, shards, workers)
    return {shard.path: _tensors(raw[shard.path], shard) for shard in shards}


def sketch(hub: Hub, repository: Repository, files: Sequence[RemoteFile], folder: Path) -> None:
    """Make a folder that reads like the checkpoint: small files whole, of each shard the header and then a hole.

    Whatever looks only at headers finds in it what it would find in the checkpoint, and no weight is fetched.

    Args:
        hub: how the Hub is set up.
        repository: the repo at its commit.
        files: what makes the checkpoint, as `core.fetching.choose` has it.
        folder: an empty folder.

    Raises:
        HubError: something cannot be had.
        IntegrityError: something is not what the commit holds.
        OSError: the folder cannot be written.
    """
    shards = [file for file in files if file.path.endswith(".safetensors")]
    raw = _raw_headers(hub, repository, shards, MOST_WORKERS)
    for shard in shards:
        _tensors(raw[shard.path], shard)
        path = _made(folder, shard)
        with path.open("wb") as opened:
            opened.write(len(raw[shard.path]).to_bytes(_LENGTH, "little") + raw[shard.path])
            opened.truncate(shard.size_bytes)
    stop = Event()
    small = [file for file in files if file not in shards]
    jobs = [partial(_copied, hub, repository, file, folder, stop) for file in small]
    for _ in in_parallel(jobs, MOST_WORKERS, stop):
        pass


def _copied(hub: Hub, repository: Repository, file: RemoteFile, folder: Path, stop: Event) -> None:
    _made(folder, file).write_bytes(read_file(hub, repository, file, sleep=stop.wait))


def _made(folder: Path, file: RemoteFile) -> Path:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _raw_headers(hub: Hub, repository: Repository, shards: Sequence[RemoteFile], workers: int) -> dict[str, bytes]:
    stop = Event()
    jobs = [partial(_raw_header, hub, repository, shard, stop) for shard in shards]
    return dict(in_parallel(jobs, workers, stop)) if jobs else {}


def _raw_header(hub: Hub, repository: Repository, shard: RemoteFile, stop: Event) -> tuple[str, bytes]:
    first = read_range(hub, repository, shard, 0, min(_FIRST, shard.size_bytes), sleep=stop.wait)
    length = int.from_bytes(first[:_LENGTH], "little")
    end = _LENGTH + length
    if not 0 < length <= _LONGEST or end > shard.size_bytes:
        raise _wrong(shard, f"its header is {length} bytes long, and the file {shard.size_bytes}")
    if end > len(first):
        first += read_range(hub, repository, shard, len(first), end, sleep=stop.wait)
    return shard.path, first[_LENGTH:end]


def _tensors(header: bytes, shard: RemoteFile) -> tuple[Tensor, ...]:
    data_bytes = shard.size_bytes - _LENGTH - len(header)
    try:
        entries = json.loads(header)
        found = [
            (
                Tensor(name, entry["dtype"], tuple(int(size) for size in entry["shape"]), shard.path),
                entry["data_offsets"],
            )
            for name, entry in entries.items()
            if name != _METADATA
        ]
        unknown = next((tensor for tensor, _ in found if tensor.dtype not in DTYPE_BITS), None)
        end = max((int(last) for _, (_, last) in found), default=0)
        odd = next(
            (tensor for tensor, (first, last) in found if not unknown and last - first != tensor.size_bytes), None
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong(shard, "its header cannot be read") from error
    if unknown is not None:
        raise _wrong(shard, f"{unknown.name!r} has the unknown dtype {unknown.dtype}")
    if odd is not None or end > data_bytes:
        raise _wrong(shard, "the tensors in its header do not fit into the file")
    return tuple(tensor for tensor, _ in found)


def _wrong(shard: RemoteFile, reason: str) -> IntegrityError:
    return IntegrityError(f"{shard.path!r} is wrong: {reason}.", hint="choose another revision of the repo")
