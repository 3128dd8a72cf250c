"""What the cache has of a repo, and what it lacks. Nothing here touches the network, and nothing is written."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from mlxkit.core.disk import check_disk
from mlxkit.core.errors import IntegrityError
from mlxkit.core.fetching import (
    DOCUMENTS,
    INDEX,
    FetchPlan,
    PlannedFile,
    RemoteFile,
    check,
    choose,
    weights_of,
)
from mlxkit.core.names import is_commit, is_repo_id, is_revision
from mlxkit.engines.hub.api import Repository
from mlxkit.engines.hub.layout import Room, aliases, is_present, read_text, rooms, size_of
from mlxkit.engines.hub.partial import path_of
from mlxkit.engines.hub.settings import Hub

FREE_SPACE = "free space with `mlxkit rm`, or set HF_HUB_CACHE to a folder on a larger disk"
"""What to do when the cache's disk has no room."""


@dataclass(frozen=True)
class Cached:
    """A whole checkpoint in the cache.

    Attributes:
        repo_id: the repo, by the name under which it is kept.
        commit: which state of it.
        folder: where its files are, as links.
    """

    repo_id: str
    commit: str
    folder: Path


def find(hub: Hub, repo_id: str, revision: str | None = None) -> Cached | None:
    """Return the whole checkpoint that the cache has of a revision, or None. No request is made.

    Args:
        hub: how the Hub is set up.
        repo_id: `owner/name`, its present name or an earlier one.
        revision: a branch, a tag or a commit; the main branch when None.
    """
    revision = revision or constants.DEFAULT_REVISION
    if not is_repo_id(repo_id) or not is_revision(revision):
        return None
    named = Room(hub.cache, repo_id)
    for room in (named, *(other for other in rooms(hub.cache) if repo_id in aliases(other))):
        commit = revision if is_commit(revision) else read_text(room.ref(revision)).strip()
        if is_commit(commit) and is_whole(room, commit):
            return Cached(room.repo_id, commit, room.snapshot(commit))
    return None


def is_whole(room: Room, commit: str) -> bool:
    """Say whether a snapshot has all files of a checkpoint, by the list of what was chosen, or by its own index.

    Sizes are compared where they are known. Contents are not: `mlxkit fetch --verify` does that.
    """
    folder = room.snapshot(commit)
    listed = _listed(room, commit)
    if listed is not None:
        return all(size_of(folder / file.path) == file.size_bytes for file in listed)
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    try:
        weights = weights_of(paths, _weight_map(folder))
    except IntegrityError:  # the index names a shard that is not there
        return False
    has_tokenizer = any(path.startswith("tokenizer") or path.endswith((".tiktoken", "vocab.json")) for path in paths)
    has_all = "config.json" in paths and bool(weights) and has_tokenizer
    return has_all and all((folder / path).exists() for path in paths)


def plan(
    hub: Hub,
    repository: Repository,
    chosen: tuple[RemoteFile, ...],
    *,
    is_whole: bool = True,
) -> FetchPlan:
    """Return what of the chosen files is here and what is to be fetched. Nothing is written.

    Args:
        hub: how the Hub is set up.
        repository: the repo at its commit.
        chosen: which of its files.
        is_whole: they make the whole checkpoint.
    """
    room = Room(hub.cache, repository.repo_id)
    files = tuple(PlannedFile(file, _present(room, repository.commit, file)) for file in chosen)
    return FetchPlan(repository.repo_id, repository.revision, repository.commit, files, is_whole)


def check_room(hub: Hub, plan: FetchPlan) -> None:
    """Refuse a plan for which the cache's disk has no room.

    Raises:
        DoesNotFitError: it has not.
    """
    check_disk(plan.fetch_bytes, free_bytes(hub.cache), str(hub.cache), FREE_SPACE)


def free_bytes(folder: Path) -> int:
    """Return what is free on the disk of a folder that may not exist yet."""
    absolute = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  a link is not followed to where it may not lead
    for place in (absolute, *absolute.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return 0


def index_here(hub: Hub, repository: Repository) -> bytes | None:
    """Return the content of the repo's index when it is on this disk, so that it need not be asked for."""
    file = repository.file(INDEX)
    if file is None:
        return None
    path = Room(hub.cache, repository.repo_id).blob(file)
    try:
        return path.read_bytes() if size_of(path) == file.size_bytes else None
    except OSError:
        return None


def _present(room: Room, commit: str, file: RemoteFile) -> int:
    if is_present(room, commit, file):
        return file.size_bytes
    return min(size_of(path_of(room.blob(file))) or 0, file.size_bytes)


def _listed(room: Room, commit: str) -> tuple[RemoteFile, ...] | None:
    """Return what was chosen from a commit: our own list, or the choice from the library's listing."""
    try:
        if room.chosen(commit).exists():
            found = json.loads(read_text(room.chosen(commit)))["files"]
            files = tuple(RemoteFile(**entry) for entry in found)
        elif (tree := room.folder / "trees" / f"{commit}.json").exists():
            entries = json.loads(read_text(tree))["files"]
            listing = tuple(_from_tree(path, entry) for path, entry in entries.items())
            files = choose(listing, _weight_map(room.snapshot(commit)), exclude=DOCUMENTS)  # other tools leave them
        else:
            return None
        check(files)
    except (ValueError, KeyError, TypeError, AttributeError, IntegrityError):
        return None
    return files


def _from_tree(path: str, entry: dict[str, str | int]) -> RemoteFile:
    sha256 = entry.get("lfs_sha256")
    size = entry.get("lfs_size") or entry["size"]
    return RemoteFile(path, int(size), str(sha256) if sha256 else None, str(entry["blob_id"]))


def _weight_map(folder: Path) -> dict[str, str] | None:
    try:
        found = json.loads(read_text(folder / INDEX))["weight_map"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None
