"""Large files on their way in: what was announced, which parts have arrived, and how often each was sent."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.hub.faults import matches
from tests.hub.repos import Repo

_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Part:
    """A body that arrived whole."""

    file: Path
    size: int
    sha256: str

    @property
    def etag(self) -> str:
        """What the store calls it."""
        return self.sha256[:32]


@dataclass
class Upload:
    """An LFS object that a repo was told to expect.

    Attributes:
        repo: the repo's name.
        oid: the sha256 that its content must have.
        size: its size in bytes.
        file: where it is kept; the parts stand beside it.
        part_bytes: the size of one part, None if the object comes in one piece.
        paths: the files it may be, by what `preupload` said of their sizes and first bytes.
        whole: the object put together, once it is.
    """

    repo: str
    oid: str
    size: int
    file: Path
    part_bytes: int | None
    paths: list[str]
    whole: Part | None = None
    parts: dict[int, Part] = field(default_factory=dict)
    received: Counter[int] = field(default_factory=Counter)
    puts: Counter[int] = field(default_factory=Counter)

    @property
    def names(self) -> tuple[str, ...]:
        """What a fault or a count may call it: its paths in the repo, or its hash."""
        return (*(f"/{self.repo}/{path}" for path in self.paths), f"/{self.repo}/{self.oid}")

    @property
    def numbers(self) -> range:
        """The numbers of its parts."""
        return range(1, 1 + (1 if self.part_bytes is None else -(-self.size // self.part_bytes)))

    @property
    def is_expected(self) -> bool:
        """Whether what has arrived is what was announced."""
        return self.whole is not None and (self.whole.sha256, self.whole.size) == (self.oid, self.size)

    def begins(self, number: int) -> int:
        """Return the byte of the object with which a part begins."""
        return (number - 1) * (self.part_bytes or 0)

    async def take(self, number: int, body: AsyncIterator[bytes]) -> Part:
        """Keep a part, which counts only if it arrives whole."""
        coming = self.file.with_suffix(f".{number}.{self.puts[number]}")
        digest, size = hashlib.sha256(), 0
        try:
            with coming.open("wb") as file:
                async for piece in body:
                    digest.update(piece)
                    size += file.write(piece)
        except BaseException:
            coming.unlink(missing_ok=True)
            raise
        part = Part(coming, size, digest.hexdigest())
        if replaced := self.parts.pop(number, None):
            replaced.file.unlink(missing_ok=True)
        self.parts[number] = part
        if self.part_bytes is None:
            self.whole = part
        return part

    def join(self) -> None:
        """Put the parts together."""
        digest, size = hashlib.sha256(), 0
        with self.file.open("wb") as joined:
            for number in self.numbers:
                with self.parts[number].file.open("rb") as part:
                    while piece := part.read(_COPY_BYTES):
                        digest.update(piece)
                        size += joined.write(piece)
                self.parts[number].file.unlink()
        self.parts.clear()
        self.whole = Part(self.file, size, digest.hexdigest())

    def forget(self) -> None:
        """Throw away what has arrived."""
        for part in (*self.parts.values(), *([self.whole] if self.whole else [])):
            part.file.unlink(missing_ok=True)
        self.parts.clear()
        self.whole = None


@dataclass
class Uploads:
    """All objects that were ever expected, one for each repo and hash."""

    folder: Path = Path()
    known: dict[str, Upload] = field(default_factory=dict)

    def expect(self, repo: Repo, oid: str, size: int, part_bytes: int | None) -> tuple[str, Upload]:
        """Return the object that is to come, with its name in URLs; the counts of earlier attempts go on."""
        key = hashlib.sha1(f"{repo.name}/{oid}".encode()).hexdigest()
        upload = self.known.setdefault(key, Upload(repo.name, oid, size, self.folder / key, part_bytes, []))
        if upload.part_bytes != part_bytes:
            upload.forget()
        upload.part_bytes = part_bytes
        if len(upload.paths) != 1:
            upload.paths = [path for path, announced in repo.announced.items() if announced[0] == size]
        return key, upload

    def find(self, repo: Repo, oid: str) -> Upload | None:
        """Return what a repo was told to expect under a hash."""
        return next((one for one in self.known.values() if (one.repo, one.oid) == (repo.name, oid)), None)

    def at(self, place: str) -> tuple[Upload, int] | None:
        """Return the object, and the number of the part, that a path of the CDN takes in."""
        match place.split("/"):
            case ["", "lfs", key, number] if key in self.known and number.isdecimal():
                return self.known[key], int(number)
        return None

    def matching(self, pattern: str) -> Iterable[Upload]:
        """Return the objects of which something arrived and that a pattern means."""
        return [one for one in self.known.values() if one.puts and matches(pattern, one.names)]


def recognise(upload: Upload, repo: Repo, start: bytes) -> None:
    """Tell files of one size apart by their first bytes, which `preupload` was given."""
    fitting = [path for path in upload.paths if start.startswith(repo.announced[path][1])]
    upload.paths = fitting or upload.paths
