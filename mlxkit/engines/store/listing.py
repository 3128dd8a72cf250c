"""Everything that lies in a folder, links and strange files too, and what weight files say of themselves."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mlxkit.core.checkpoint import DTYPE_BITS, Tensor
from mlxkit.core.checks.listing import HEAD_BYTES, Entry, Leads
from mlxkit.core.checks.shards import Shard

_CLOSED = ".git"  # a repository's inside is no part of the model, and may be huge


def entries(folder: Path) -> tuple[Entry, ...]:
    """Return everything in a folder, sorted by path; what cannot be read is there without content.

    Args:
        folder: an existing folder; links in it are not followed.
    """
    return tuple(sorted(_walk(folder), key=lambda entry: entry.path))


def content(folder: Path, path: str, limit_bytes: int | None = None) -> bytes | None:
    """Return a file's content; None when it cannot be read, or is larger than the limit."""
    try:
        place = folder / path
        if limit_bytes is not None and place.stat().st_size > limit_bytes:
            return None
        return place.read_bytes()
    except (OSError, ValueError):
        return None


def file_names(folder: Path) -> frozenset[str]:
    """Return the names of the files at the top of a folder, links to files among them; what is below is not read."""
    try:
        return frozenset(path.name for path in folder.iterdir() if path.is_file())
    except OSError:
        return frozenset()


def read_shards(folder: Path, found: Sequence[Entry]) -> tuple[Shard, ...]:
    """Return what the weight files at the top of a folder say of themselves; no weight is read.

    Args:
        folder: where they are.
        found: its entries.
    """
    wanted = [entry for entry in found if entry.is_weight and "/" not in entry.path and entry.kind in ("file", "link")]
    return tuple(_shard(folder / entry.path, entry) for entry in wanted if entry.leads not in ("outside", "nowhere"))


def _walk(folder: Path) -> Iterator[Entry]:
    for place, folders, files in os.walk(folder, followlinks=False):
        root = Path(place)
        for name in list(folders):
            if (root / name).is_symlink():
                yield _link(folder, root / name)
                folders.remove(name)
                continue
            yield Entry((root / name).relative_to(folder).as_posix(), "folder")
            if name == _CLOSED:
                folders.remove(name)
        for name in files:
            path = root / name
            yield _link(folder, path) if path.is_symlink() else _file(folder, path)


def _file(folder: Path, path: Path) -> Entry:
    relative = path.relative_to(folder).as_posix()
    try:
        told = path.lstat()
    except OSError:
        return Entry(relative, "other")
    if not stat.S_ISREG(told.st_mode):
        return Entry(relative, "other")
    return Entry(relative, "file", told.st_size, bool(told.st_mode & 0o111), None, _head(path))


def _link(folder: Path, path: Path) -> Entry:
    relative, leads = path.relative_to(folder).as_posix(), _leads(folder.resolve(), path)
    is_own_file = leads in ("inside", "cache") and path.is_file()
    if not is_own_file:
        return Entry(relative, "link", leads=leads)
    return Entry(relative, "link", path.stat().st_size, leads=leads, head=_head(path))


def _leads(folder: Path, path: Path) -> Leads:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # nothing is there, or links lead in a circle
        return "nowhere"
    if target.is_relative_to(folder):
        return "inside"
    # The Hub's cache keeps contents in `blobs`, and in `snapshots/<commit>` links to them.
    is_snapshot = folder.parent.name == "snapshots" and target.is_relative_to(folder.parent.parent / "blobs")
    return "cache" if is_snapshot else "outside"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _shard(path: Path, entry: Entry) -> Shard:
    try:
        with safe_open(path, framework="numpy") as file:
            views = {name: file.get_slice(name) for name in file.offset_keys()}
            tensors = tuple(
                Tensor(name, view.get_dtype(), tuple(view.get_shape()), entry.path) for name, view in views.items()
            )
    except SafetensorError as error:
        said = str(error).removeprefix("Error while deserializing header: ").rstrip(".")
        return Shard(entry.path, entry.size_bytes, fault=said)
    except OSError as error:
        return Shard(entry.path, entry.size_bytes, fault=f"it cannot be read: {error.strerror or error}")
    strange = sorted({tensor.dtype for tensor in tensors} - DTYPE_BITS.keys())
    if strange:
        return Shard(entry.path, entry.size_bytes, fault=f"unknown dtype {strange[0]}")
    return Shard(entry.path, entry.size_bytes, tensors)
