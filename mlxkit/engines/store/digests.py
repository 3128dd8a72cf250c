"""What a checkpoint's weights are: the digest that names them, whatever they are called and wherever they lie."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import MlxkitError, NotFoundError
from mlxkit.core.located import Located
from mlxkit.core.measurement import Subject
from mlxkit.core.progress import Advance, Progress
from mlxkit.core.record import checkpoint_digest
from mlxkit.engines.store.kept import fingerprint, keep_json, kept, recalled
from mlxkit.engines.store.locating import shown

_PIECE_BYTES = 4 * 2**20


def weights_digest(checkpoint: Checkpoint, progress: Progress, *, is_kept: bool = True) -> str:
    """Return the digest of all weights, as the build record has it.

    Every byte of them is read, unless that was done before and no file has changed since.

    Args:
        checkpoint: sound.
        progress: told the bytes read.
        is_kept: keep what is found, and use what was kept; else nothing is written.

    Raises:
        NotFoundError: a file cannot be read.
    """
    if not is_kept:
        return checkpoint_digest(tensor_digests(checkpoint, progress))
    path = kept("digests", {"checkpoint": fingerprint(checkpoint)}, ".json")
    known = recalled(path)
    if isinstance(known, str):
        return known
    found = checkpoint_digest(tensor_digests(checkpoint, progress))
    keep_json(path, found)
    return found


def keep_digest(checkpoint: Checkpoint, digest: str) -> None:
    """Keep the digest of weights that were just written, and hashed on the way: they need not be read for it.

    Args:
        checkpoint: read from where it was written; it may be moved afterwards.
        digest: of its weights.
    """
    with suppress(MlxkitError):  # without it they are read once
        keep_json(kept("digests", {"checkpoint": fingerprint(checkpoint)}, ".json"), digest)


def tensor_digests(checkpoint: Checkpoint, progress: Progress) -> dict[str, str]:
    """Return tensor name to the sha256 of its bytes, in hex. Every byte is read, whatever was read before.

    Args:
        checkpoint: sound.
        progress: told the bytes read.

    Raises:
        NotFoundError: a file cannot be read.
    """
    digests: dict[str, str] = {}
    with progress.phase(f"Reading {checkpoint.name}", checkpoint.size_bytes, "bytes") as advance:
        for shard in checkpoint.shards:
            try:
                digests |= _digests(checkpoint, shard, advance)
            except OSError as error:
                raise NotFoundError(
                    f"{shard!r} in {str(checkpoint.folder)!r} cannot be read: {error.strerror}.",
                    hint="check its permissions",
                ) from error
    return digests


def form_digest(checkpoint: Checkpoint) -> str:
    """Return the digest of names, dtypes and shapes, of which no weight is read: memory depends on nothing else."""
    form = sorted((tensor.name, tensor.dtype, tensor.shape) for tensor in checkpoint.tensors.values())
    return hashlib.sha256(json.dumps(form).encode()).hexdigest()


def subject(checkpoint: Checkpoint, located: Located, progress: Progress) -> Subject:
    """Return what a checkpoint is to the ledger.

    Args:
        checkpoint: sound.
        located: where it was found.
        progress: told the bytes read.

    Raises:
        NotFoundError: a file cannot be read.
    """
    digest = weights_digest(checkpoint, progress)
    return Subject(digest, shown(checkpoint.name), located.repo, located.commit)


def _digests(checkpoint: Checkpoint, shard: str, advance: Advance) -> dict[str, str]:
    """Return tensor name to the sha256 of its bytes, in hex, for one file."""
    path: Path = checkpoint.folder / shard
    found = {}
    with path.open("rb") as file:
        size_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size_bytes))
        for name in (name for name, tensor in checkpoint.tensors.items() if tensor.file == shard):
            start, end = header[name]["data_offsets"]
            file.seek(8 + size_bytes + start)
            hashed, left = hashlib.sha256(), end - start
            while left:
                piece = file.read(min(left, _PIECE_BYTES))
                if not piece:
                    raise OSError(0, "it is shorter than its header says")
                hashed.update(piece)
                left -= len(piece)
                advance(len(piece))
            found[name] = hashed.hexdigest()
    return found
