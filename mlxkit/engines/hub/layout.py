"""The Hugging Face cache, in huggingface_hub's own layout, so that every tool finds what is fetched and shares it.

    models--owner--name/
        blobs/<digest>                       a content, named as the Hub names it: sha256, or git's sha1 of a small file
        blobs/<digest>.mlxkit.incomplete     the same on its way
        snapshots/<commit>/<path>            a relative link to the blob
        refs/<revision>                      the commit that a branch or tag was when it was last fetched
        trees/<commit>.json                  the library's listing of the commit, if the library was here
        .mlxkit/<commit>.json                which files mlxkit chose; written once all are there
        .mlxkit/aliases                      names that the repo had before it was renamed
    .locks/models--owner--name/<digest>.lock the library's lock of a blob, taken here too

A ref is written last, so that whoever looks a revision up offline finds a whole snapshot or none. Nothing here touches
the network.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from mlxkit.core.errors import MlxkitError
from mlxkit.core.fetching import FetchPlan, RemoteFile
from mlxkit.core.names import is_commit
from mlxkit.engines.hub.translating import on_disk

OURS = ".mlxkit"
_ALIASES = "aliases"
_LINKLESS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})  # what such a disk answers
_TAG = "CACHEDIR.TAG"
_TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a cache: https://bford.info/cachedir/\n"


@dataclass(frozen=True)
class Room:
    """Where the cache keeps one repo."""

    cache: Path
    repo_id: str

    @property
    def folder(self) -> Path:
        """All of the repo."""
        return self.cache / repo_folder_name(repo_id=self.repo_id, repo_type="model")

    def blob(self, file: RemoteFile) -> Path:
        """The content of a file."""
        return self.folder / "blobs" / file.blob

    def snapshot(self, commit: str) -> Path:
        """The files of a commit."""
        return self.folder / "snapshots" / commit

    def ref(self, revision: str) -> Path:
        """The commit that a branch or tag was."""
        return self.folder / "refs" / revision

    def chosen(self, commit: str) -> Path:
        """The list of what was chosen from a commit."""
        return self.folder / OURS / f"{commit}.json"

    def lock(self, file: RemoteFile) -> Path:
        """The lock of a file's content."""
        return self.cache / ".locks" / self.folder.name / f"{file.blob}.lock"


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what the cache's disk raises inside the block into one of our errors.

    Raises:
        DoesNotFitError: the disk is full.
        HubError: the cache cannot be written.
    """
    try:
        yield
    except MlxkitError:
        raise
    except OSError as error:
        raise on_disk(error, str(place)) from error


def prepare(room: Room, plan: FetchPlan) -> None:
    """Make the folders, so that even an interrupted fetch is a repo that tools can list and remove.

    Raises:
        OSError: they cannot be made.
    """
    for folder in (room.folder / "blobs", room.snapshot(plan.commit), room.cache / ".locks" / room.folder.name):
        folder.mkdir(parents=True, exist_ok=True)
    tag = room.cache / _TAG
    with suppress(OSError):  # a courtesy to tools that make backups
        if not tag.exists():
            tag.write_text(_TAG_TEXT, encoding="ascii")


def is_present(room: Room, commit: str, file: RemoteFile) -> bool:
    """Say whether a content is here under its good name, with the right size.

    On a disk without links it is in the snapshot itself.
    """
    return file.size_bytes in (size_of(room.blob(file)), size_of(room.snapshot(commit) / file.path))


def is_shown(room: Room, commit: str, file: RemoteFile) -> bool:
    """Say whether a snapshot shows a file of the right size."""
    return size_of(room.snapshot(commit) / file.path) == file.size_bytes


def has_links(room: Room) -> bool:
    """Say whether the cache's disk takes links, and the user wants them."""
    if constants.HF_HUB_DISABLE_SYMLINKS:
        return False
    probe = room.folder / OURS / uuid4().hex
    try:
        probe.parent.mkdir(exist_ok=True)
        probe.symlink_to("nowhere")
        probe.unlink()
    except OSError as error:
        return error.errno not in _LINKLESS  # whatever else is wrong shows when something is written
    return True


def link(room: Room, commit: str, file: RemoteFile, *, by_link: bool) -> None:
    """Show a content in a snapshot, under the file's path.

    Args:
        room: where the repo is kept.
        commit: which snapshot.
        file: the file.
        by_link: show it by a link; else the content itself moves there, as the library does it.

    Raises:
        OSError: the disk does not let it happen.
    """
    blob, shown = room.blob(file), room.snapshot(commit) / file.path
    target = os.path.relpath(blob, shown.parent)
    if shown.is_symlink() and str(shown.readlink()) == target:
        return
    shown.parent.mkdir(parents=True, exist_ok=True)
    if by_link:
        fresh = room.folder / OURS / uuid4().hex
        fresh.symlink_to(target)
        fresh.replace(shown)
    elif blob.exists():
        blob.replace(shown)


def conclude(room: Room, plan: FetchPlan, asked: str) -> None:
    """Write down that a checkpoint is whole: what was chosen, the revision's commit, the name it was asked for by.

    Raises:
        OSError: the disk does not let it happen.
    """
    if plan.is_whole:
        listing = [asdict(planned.file) for planned in plan.files]
        text = json.dumps({"version": 1, "files": listing}, indent=1)
        if read_text(room.chosen(plan.commit)) != text:
            _write(room.chosen(plan.commit), text)
    if asked != room.repo_id and asked not in aliases(room):
        _write(room.folder / OURS / _ALIASES, "\n".join(sorted({*aliases(room), asked})) + "\n")
    ref = room.ref(plan.revision)
    # A part chosen by hand does not take the ref from a snapshot that may be whole.
    is_kept = ref.exists() and not plan.is_whole
    if not is_commit(plan.revision) and not is_kept and read_text(ref) != plan.commit:
        _write(ref, plan.commit)


def rooms(cache: Path) -> Iterator[Room]:
    """Yield the room of every model."""
    for folder in sorted(cache.glob("models--*--*")):
        yield Room(cache, folder.name.removeprefix("models--").replace("--", "/"))


def aliases(room: Room) -> list[str]:
    """Return the names that a repo had before."""
    return read_text(room.folder / OURS / _ALIASES).split()


def read_text(path: Path) -> str:
    """Return a file's text; nothing when there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{uuid4().hex[:8]}.tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def size_of(path: Path) -> int | None:
    """Return a file's size, through links; None when there is no such file."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None
