"""Which files are published, and their digests."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlxkit.core.errors import NotFoundError
from mlxkit.core.progress import Advance, Progress
from mlxkit.core.publishing import LocalFile, is_sent
from mlxkit.core.record import FILE_NAME

CARD = "README.md"
PUBLISHED = "published"
"""Where the build record tells to which repos the weights went; it is left out of what is published."""

_PIECE_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Gathered:
    """What is to be published.

    Attributes:
        files: with their digests, small ones first.
        contents: of each, by its path: a file, or bytes that were made for it.
        is_card_own: the card is the folder's own; else it was written from the ledger.
    """

    files: tuple[LocalFile, ...]
    contents: Mapping[str, Path | bytes]
    is_card_own: bool

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


def gathered(
    folder: Path, made: Mapping[str, bytes], progress: Progress, *, written: Mapping[str, str] | None = None
) -> Gathered:
    """Return what is published of a folder.

    Args:
        folder: the weights, with all that belongs to them.
        made: files that were written for it; the folder's own of the same names go before them.
        written: sha256 of files that were written there before, by their paths: those that nobody changed since give
            way to new ones.
        progress: told the bytes read.

    Raises:
        NotFoundError: a file cannot be read.
    """
    try:
        own = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and is_sent(path.relative_to(folder).as_posix())
        }
        old = {path for path in made if path in own and _sha256(own[path]) == (written or {}).get(path)}
        own = {path: content for path, content in own.items() if path not in old}
        contents: dict[str, Path | bytes] = {**made, **own}
        if FILE_NAME in own:
            contents[FILE_NAME] = _record(own[FILE_NAME])
        total = sum(_size(content) for content in contents.values())
        with progress.phase("Hashing", total, "bytes") as advance:
            files = [_file(path, content, advance) for path, content in contents.items()]
    except OSError as error:
        name = error.filename or str(folder)
        raise NotFoundError(f"{str(name)!r} cannot be read: {error.strerror or error}.", hint="check it") from error
    files.sort(key=lambda file: (file.size_bytes, file.path))
    return Gathered(tuple(files), contents, CARD in own)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record(path: Path) -> Path | bytes:
    """Return the build record as it was made: where it went is told here alone, and would change it each time."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return path
    if not isinstance(record, dict) or PUBLISHED not in record:
        return path
    del record[PUBLISHED]
    return as_text(record)


def as_text(record: Mapping[str, object]) -> bytes:
    """Return a build record as the file holds it."""
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _file(path: str, content: Path | bytes, advance: Advance) -> LocalFile:
    size_bytes = _size(content)
    sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
    if isinstance(content, bytes):
        sha256.update(content)
        blob.update(content)
        advance(size_bytes)
    else:
        with content.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                sha256.update(piece)
                blob.update(piece)
                advance(len(piece))
    return LocalFile(path, size_bytes, sha256.hexdigest(), blob.hexdigest())
