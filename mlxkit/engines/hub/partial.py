"""A file on its way: it grows at its end, is hashed as it grows, and outlives the process that writes it.

The name is stable, so that the next process finds it, and ends in `.incomplete`, so that the Hub's own tools take it
for what it is. Bytes go to the system in pieces of 1 MiB and from there to the disk every 16 MiB: a process that is
killed loses at most the first, a machine that loses power at most the second. What is found again is hashed again.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from mlxkit.core.fetching import RemoteFile

_SUFFIX = ".mlxkit.incomplete"
_PIECE = 2**20
_SYNC = 16 * 2**20
_READ = 4 * 2**20

Tell = Callable[[int], object]
"""Told a number of bytes; may raise to call the work off."""


def path_of(blob: Path) -> Path:
    """Return where a blob grows until it is whole."""
    return blob.with_name(blob.name + _SUFFIX)


class Digest:
    """The digest by which the Hub names a file: sha256 of the content, or git's sha1 of a blob."""

    def __init__(self, file: RemoteFile) -> None:
        self._hash = hashlib.sha256() if file.sha256 else hashlib.sha1(usedforsecurity=False)
        if not file.sha256:
            self._hash.update(b"blob %d\0" % file.size_bytes)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take more of the content."""
        self._hash.update(data)

    def hexdigest(self) -> str:
        """Return the digest of what was taken so far."""
        return self._hash.hexdigest()


def digest_file(path: Path, file: RemoteFile, tell: Tell) -> str:
    """Return the digest that a file on this disk has, by the rule that holds for `file`.

    Raises:
        OSError: it cannot be read.
    """
    digest = Digest(file)
    _feed(path, digest, tell)
    return digest.hexdigest()


def _feed(path: Path, digest: Digest, tell: Tell) -> int:
    buffer = bytearray(_READ)
    view, size = memoryview(buffer), 0
    with path.open("rb", buffering=0) as opened:
        while count := opened.readinto(buffer):
            digest.update(view[:count])
            size += count
            tell(count)
    return size


class Partial:
    """The growing file, continued where an earlier process left it. To be used under the blob's lock.

    Args:
        path: where it grows.
        file: what it is to become.
        tell: told the bytes that were found and hashed again.
    """

    def __init__(self, path: Path, file: RemoteFile, tell: Tell) -> None:
        self._path = path
        self._file = file
        self._digest = Digest(file)
        self._waiting = bytearray()
        self._unsynced = 0
        self._size = 0
        if path.exists() and path.stat().st_size > file.size_bytes:
            path.unlink()
        if path.exists():
            self._size = _feed(path, self._digest, tell)
        # Not in append mode: on a disk whose locks do nothing, two processes then write the same bytes to one place.
        self._opened = path.open("r+b" if self._size else "wb", buffering=0)
        self._opened.seek(self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def size_bytes(self) -> int:
        """How much there is."""
        return self._size + len(self._waiting)

    def append(self, chunk: bytes | memoryview) -> None:
        """Take more bytes.

        Raises:
            OSError: the disk does not take them.
        """
        self._waiting += chunk
        if len(self._waiting) >= _PIECE:
            self.flush()

    def flush(self) -> None:
        """Hand what waits to the system."""
        with memoryview(self._waiting) as view:
            done = 0
            while done < len(view):
                done += self._opened.write(view[done:])
            self._digest.update(view)
        self._size += len(self._waiting)
        self._unsynced += len(self._waiting)
        self._waiting.clear()
        if self._unsynced >= _SYNC:
            self._sync()

    def is_right(self) -> bool:
        """Write everything to the disk and say whether it is what it was to become."""
        self.flush()
        self._sync()
        return self._size == self._file.size_bytes and self._digest.hexdigest() == self._file.blob

    def digest(self) -> str:
        """Return the digest of what there is."""
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Begin again from nothing, in a new file: another process may still hold the old one."""
        self._opened.close()
        self._path.unlink(missing_ok=True)
        self._waiting.clear()
        self._size = self._unsynced = 0
        self._digest = Digest(self._file)
        self._opened = self._path.open("wb", buffering=0)

    def _sync(self) -> None:
        os.fsync(self._opened.fileno())
        self._unsynced = 0
