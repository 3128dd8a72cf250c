"""What the test Hub holds: contents, blobs with their git and LFS names, commits, branches and tags.

It knows nothing of HTTP. A weight file is kept the way the Hub keeps it: git sees a pointer file, the bytes have a
sha256. Large contents are generated as they are read, so that a test may hold a file of gigabytes.
"""

import hashlib
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from tests.hub.proposals import Discussion

_BLOCK_BYTES = 1 << 20
LFS_BYTES = 10 << 20
_LFS_SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".npz", ".model", ".h5"})
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Content(Protocol):
    """Bytes that can be read from anywhere."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, exclusive."""


@dataclass(frozen=True)
class InMemory:
    """Bytes as they are."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, exclusive."""
        return self.data[start:end]


@dataclass(frozen=True)
class OnDisk:
    """A file, read when it is asked for."""

    path: Path

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, exclusive."""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


@dataclass(frozen=True)
class Generated:
    """Bytes that are made when read: one random block over and over, each stamped with its number.

    The stamp makes a piece written at the wrong offset a wrong piece, in whole blocks too.
    """

    size: int
    seed: int = 0

    @cached_property
    def _block(self) -> bytes:
        return random.Random(self.seed).randbytes(_BLOCK_BYTES - 8)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, exclusive."""
        end = min(end, self.size)
        first, last = start // _BLOCK_BYTES, -(-end // _BLOCK_BYTES)
        whole = b"".join(number.to_bytes(8, "big") + self._block for number in range(first, last))
        return whole[start - first * _BLOCK_BYTES : end - first * _BLOCK_BYTES]


@dataclass(frozen=True)
class Blob:
    """A file's content with the names the Hub gives it."""

    content: Content
    is_lfs: bool

    @property
    def size(self) -> int:
        """Length in bytes of the file, never of its pointer."""
        return self.content.size

    def pieces(self) -> Iterator[bytes]:
        """Yield the content, a block at a time."""
        for start in range(0, self.size, _BLOCK_BYTES):
            yield self.content.read(start, min(start + _BLOCK_BYTES, self.size))

    @cached_property
    def sha256(self) -> str:
        """The content's hash, which is its name in LFS."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        """What git holds of an LFS file (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md)."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @cached_property
    def oid(self) -> str:
        """The git blob's name: of the pointer if the file is in LFS, else of the content."""
        size, pieces = (len(self.pointer), iter([self.pointer])) if self.is_lfs else (self.size, self.pieces())
        digest = hashlib.sha1(b"blob %d\0" % size)
        for piece in pieces:
            digest.update(piece)
        return digest.hexdigest()

    @property
    def etag(self) -> str:
        """What a client names the file by: sha256 of an LFS file, git's name of another."""
        return self.sha256 if self.is_lfs else self.oid


File = bytes | Path | Content | Blob
"""What a test may give as a file."""


def belongs_in_lfs(path: str, size: int) -> bool:
    """Whether the Hub keeps a file in LFS: weights, and whatever is above 10 MiB."""
    return PurePosixPath(path).suffix in _LFS_SUFFIXES or size > LFS_BYTES


def blob(path: str, file: File) -> Blob:
    """Return a file as the Hub keeps it; what was uploaded is kept as its sender chose."""
    if isinstance(file, Blob):
        return file
    content = InMemory(file) if isinstance(file, bytes) else OnDisk(file) if isinstance(file, Path) else file
    return Blob(content, belongs_in_lfs(path, content.size))


@dataclass(frozen=True)
class Commit:
    """All files at one moment."""

    id: str
    title: str
    date: datetime
    files: Mapping[str, Blob]
    parent: str | None = None
    message: str = ""

    @property
    def timestamp(self) -> str:
        """The date as the Hub writes it."""
        return self.date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Repo:
    """A model repo, with its history and who may read it."""

    name: str
    gated: str | bool = False
    private: bool = False
    readers: set[str] = field(default_factory=set)
    """Users beside the owner to whom a private repo is visible and a gated one is open."""
    info: dict[str, Any] = field(default_factory=dict)
    """What model info says beyond what follows from the files."""
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    default_branch: str = "main"
    creator: str | None = None
    """Who made it, if that was not its owner."""
    objects: dict[str, Content] = field(default_factory=dict)
    """What was uploaded for LFS and found right, by its sha256."""
    announced: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Size and first bytes of the files about to come, by their paths."""
    discussions: list[Discussion] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """The user or organization it belongs to."""
        return self.name.split("/")[0]

    @property
    def head(self) -> str:
        """The commit of the default branch."""
        return self.branches[self.default_branch]

    def commit(
        self,
        files: Mapping[str, File],
        *,
        deleted: Collection[str] = (),
        branch: str | None = None,
        title: str = "Upload files",
        message: str = "",
    ) -> str:
        """Add a commit that changes `files` on `branch`; return its id. A new branch starts at the default one."""
        branch = branch or self.default_branch
        parent = self.branches.get(branch) or self.branches.get(self.default_branch)
        before = self.commits[parent].files if parent else {}
        after = {path: kept for path, kept in before.items() if path not in deleted}
        after |= {path: blob(path, file) for path, file in files.items()}
        listing = "\n".join(f"{path} {after[path].oid}" for path in sorted(after))
        named = f"{self.name} {len(self.commits)} {parent} {title}\n{listing}"
        identity = hashlib.sha1(named.encode()).hexdigest()
        date = _EPOCH + timedelta(minutes=len(self.commits))
        self.commits[identity] = Commit(identity, title, date, dict(sorted(after.items())), parent, message)
        self.branches[branch] = identity
        return identity

    def tag(self, name: str, revision: str | None = None) -> None:
        """Name a commit, the default branch's unless another is given."""
        commit = self.at(revision or self.default_branch)
        if commit is None:
            raise KeyError(f"{self.name} has no revision {revision!r}")
        self.tags[name] = commit.id

    def at(self, revision: str) -> Commit | None:
        """Return the commit that a branch, tag, full ref or commit id stands for."""
        short = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        identity = self.branches.get(short) or self.tags.get(short) or revision
        return self.commits.get(identity)

    def in_lfs(self, sha256: str) -> Blob | None:
        """Return the LFS object of a hash, if the repo has it: uploaded, or in a commit."""
        if sha256 in self.objects:
            found = Blob(self.objects[sha256], is_lfs=True)
            vars(found)["sha256"] = sha256  # it was hashed as it came in
            return found
        blobs = {id(one): one for commit in self.commits.values() for one in commit.files.values() if one.is_lfs}
        return next((one for one in blobs.values() if one.sha256 == sha256), None)

    def history(self, commit: Commit | None) -> Iterator[Commit]:
        """Yield a commit and those before it."""
        while commit is not None:
            yield commit
            commit = self.commits.get(commit.parent or "")

    def is_open_to(self, user: str | None) -> bool:
        """Whether the user may read a private or gated repo."""
        return user is not None and (user == self.owner or user in self.readers)


def folders(paths: Iterable[str]) -> list[str]:
    """Return the folders that hold these files, parents included, sorted."""
    found = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return sorted(found - {"."})
