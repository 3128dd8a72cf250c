"""What the Hub's cache holds, what removing some of it frees, and copies of it. Nothing here touches the network.

The library does the scanning and the removing: its blobs may be shared between repos by links to links, and removing
a folder would then free nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound
from huggingface_hub.utils import CachedRepoInfo, CachedRevisionInfo, DeleteCacheStrategy, HFCacheInfo

from mlxkit.core.errors import NotFoundError
from mlxkit.core.progress import Advance
from mlxkit.engines.hub.cache import is_whole
from mlxkit.engines.hub.layout import Room, writing
from mlxkit.engines.hub.settings import Hub

_BLOCK = 8 * 2**20


@dataclass(frozen=True)
class HeldFile:
    """A file of a snapshot: its path in the repo, its place, its size."""

    path: str
    place: Path
    size_bytes: int


@dataclass(frozen=True)
class Held:
    """A snapshot of a model in the cache.

    Attributes:
        repo_id: the repo.
        commit: which state of it.
        refs: the branches and tags that were this commit when they were last fetched.
        folder: where its files are, as links.
        files: what is in it.
        size_bytes: of all its files; what it shares with other snapshots is in each of them.
        last_used: when one of the repo's files was last read, in seconds since 1970, as far as the system notes it.
        last_changed: when one of its files was last fetched, in seconds since 1970.
        is_whole: it is a whole checkpoint.
    """

    repo_id: str
    commit: str
    refs: tuple[str, ...]
    folder: Path
    files: tuple[HeldFile, ...]
    size_bytes: int
    last_used: float
    last_changed: float
    is_whole: bool


@dataclass(frozen=True)
class Leftover:
    """What an interrupted fetch left: by mlxkit, which continues it, or by another tool, which does not."""

    place: Path
    size_bytes: int


@dataclass(frozen=True)
class Holdings:
    """What the cache holds.

    Attributes:
        snapshots: of models, by name and then by age.
        leftovers: what interrupted fetches left.
        size_bytes: on the disk; what is shared counts once.
        broken: what is in the cache and cannot be read, a sentence each.
        scanned: the library's own scan, from which removals are made.
    """

    snapshots: tuple[Held, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    size_bytes: int = 0
    broken: tuple[str, ...] = ()
    scanned: HFCacheInfo | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Removal:
    """What would be removed, decided before anything is.

    Attributes:
        snapshots: which snapshots.
        leftovers: which leftovers.
        freed_bytes: what that frees; what other snapshots share stays.
        strategy: the library's own plan for the snapshots.
    """

    snapshots: tuple[Held, ...]
    leftovers: tuple[Leftover, ...]
    freed_bytes: int
    strategy: DeleteCacheStrategy | None = field(default=None, repr=False, compare=False)


def scan(hub: Hub) -> Holdings:
    """Return what the cache holds; nothing, when there is no cache yet."""
    try:
        found = scan_cache_dir(hub.cache)
    except (CacheNotFound, ValueError):
        return Holdings()
    held = [
        _held(hub, repo, revision) for repo in found.repos if repo.repo_type == "model" for revision in repo.revisions
    ]
    leftovers = [Leftover(one.file_path, one.size_on_disk) for one in found.incomplete_files]
    return Holdings(
        snapshots=tuple(sorted(held, key=lambda one: (one.repo_id.lower(), -one.last_changed, one.commit))),
        leftovers=tuple(sorted(leftovers, key=lambda one: one.place)),
        size_bytes=found.size_on_disk,
        broken=tuple(str(warning) for warning in found.warnings),
        scanned=found,
    )


def _held(hub: Hub, repo: CachedRepoInfo, revision: CachedRevisionInfo) -> Held:
    root = revision.snapshot_path
    files = [
        HeldFile(one.file_path.relative_to(root).as_posix(), one.file_path, one.size_on_disk) for one in revision.files
    ]
    return Held(
        repo_id=repo.repo_id,
        commit=revision.commit_hash,
        refs=tuple(sorted(revision.refs)),
        folder=root,
        files=tuple(sorted(files, key=lambda one: one.path)),
        size_bytes=revision.size_on_disk,
        last_used=repo.last_accessed,
        last_changed=revision.last_modified,
        is_whole=is_whole(Room(hub.cache, repo.repo_id), revision.commit_hash),
    )


def plan_removal(holdings: Holdings, snapshots: Collection[Held] = (), leftovers: Collection[Leftover] = ()) -> Removal:
    """Return what removing some of the holdings means. A leftover in a repo that goes as a whole goes with it.

    Args:
        holdings: what a scan found, just before.
        snapshots: which snapshots to remove.
        leftovers: which leftovers to remove.

    Raises:
        NotFoundError: a snapshot is not among the holdings.
    """
    missing = [one for one in snapshots if one not in holdings.snapshots]
    if missing or (snapshots and holdings.scanned is None):
        name = missing[0].repo_id if missing else "nothing"
        raise NotFoundError(f"{name!r} is not in the cache.", hint="mlxkit list")
    freed = sum(one.size_bytes for one in leftovers)
    if not snapshots or holdings.scanned is None:
        return Removal((), tuple(leftovers), freed)
    strategy = holdings.scanned.delete_revisions(*(one.commit for one in snapshots))
    taken = [one for one in holdings.leftovers if one.place.parent.parent in strategy.repos and one not in leftovers]
    freed += strategy.expected_freed_size + sum(one.size_bytes for one in taken)
    return Removal(tuple(snapshots), (*leftovers, *taken), freed, strategy)


def remove(hub: Hub, removal: Removal) -> None:
    """Carry a removal out.

    Raises:
        HubError: the cache cannot be written.
    """
    with writing(hub.cache):
        if removal.strategy is not None:
            removal.strategy.execute()
        for leftover in removal.leftovers:
            leftover.place.unlink(missing_ok=True)
        for snapshot in removal.snapshots:
            Room(hub.cache, snapshot.repo_id).chosen(snapshot.commit).unlink(missing_ok=True)


def copy(snapshot: Path, paths: Collection[str], folder: Path, advance: Advance) -> None:
    """Put files of a snapshot into a folder, as files of their own: a later change to one does not reach the other.

    Args:
        snapshot: the snapshot's folder.
        paths: which files of it.
        folder: where to; it exists.
        advance: told the bytes that were copied.

    Raises:
        OSError: the disk does not let it happen.
    """
    for path in paths:
        source, target = (snapshot / path).resolve(strict=True), folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb", buffering=0) as opened, target.open("wb", buffering=0) as written:
            while block := opened.read(_BLOCK):
                written.write(block)
                advance(len(block))
