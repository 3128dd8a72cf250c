"""Folders that appear whole or not at all.

A folder is written under a hidden sibling name, flushed to the disk and renamed. The sibling is locked while it is
being written, so that a later run can tell what a killed one left from what another process is still writing.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from mlxkit.core.errors import DoesNotFitError, MlxkitError, PlanError

LOCK = ".lock"
"""The file that `alone` holds."""

_MARK = ".mlxkit-partial-"
# A process that was killed a moment ago may still hold its lock while the system clears it away.
_PATIENCE_SECONDS = 1.0


@contextmanager
def replacing(destination: Path, *, source: Path, force: bool) -> Iterator[Path]:
    """Yield an empty folder that becomes `destination` when the block ends well, and disappears when it does not.

    Args:
        destination: the folder to be.
        source: a folder that must be neither inside it nor around it.
        force: an existing `destination` is replaced, once the new one is complete.

    Raises:
        PlanError: the destination exists (without `force`), or lies inside its source, or around it.
        DoesNotFitError: the disk is full.
        MlxkitError: the destination cannot be written.
    """
    destination = Path(os.path.abspath(destination.expanduser()))  # noqa: PTH100  a link at DEST itself is kept apart
    check_destination(destination, source, force=force)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _sweep(destination)
        partial = destination.parent / f".{destination.name}{_MARK}{uuid4().hex[:8]}"
        with FileLock(f"{partial}.lock", blocking=False):
            try:
                partial.mkdir()
                yield partial
                _publish(partial, destination)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
                Path(f"{partial}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise translated(error, destination) from error


@contextmanager
def alone(folder: Path, refusal: MlxkitError) -> Iterator[None]:
    """Keep a folder to this process while the block runs. A process that is killed lets go of it.

    Args:
        folder: made where it is missing; a file `LOCK` stays in it.
        refusal: what is raised where another process has it.

    Raises:
        MlxkitError: the refusal; or the folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=_PATIENCE_SECONDS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise refusal from error
    except (OSError, NotImplementedError) as error:  # the latter: a disk without locks
        reason = error if isinstance(error, OSError) else OSError(0, "its disk knows no locks")
        raise translated(reason, folder) from error
    try:
        yield
    finally:
        lock.release()


def check_destination(destination: Path, source: Path, *, force: bool) -> None:
    """Refuse a destination that would harm its source or an existing folder.

    Raises:
        PlanError: see `replacing`.
    """
    target, origin = destination.resolve(), source.resolve()
    if target == origin:
        raise PlanError(f"The destination is the source: {str(destination)!r}.", hint="name another folder")
    if origin in target.parents:
        raise PlanError(
            f"The destination {str(destination)!r} lies inside its source {str(source)!r}.",
            hint="name a folder outside it",
        )
    if target in origin.parents:
        raise PlanError(
            f"The source {str(source)!r} lies inside the destination {str(destination)!r}.",
            hint="name a folder outside it",
        )
    refuse_existing(destination, force=force)


def refuse_existing(destination: Path, *, force: bool) -> None:
    """Refuse a destination that exists, before anything is done for it.

    Raises:
        PlanError: it exists, and `force` is not set.
    """
    destination = destination.expanduser()
    if (destination.exists() or destination.is_symlink()) and not force:
        raise PlanError(f"{str(destination)!r} exists already.", hint="name another folder, or replace it with --force")


def is_same_disk(one: Path, other: Path) -> bool:
    """Say whether two folders, which need not exist yet, are on one disk: what fills one leaves less to the other."""
    return _disk_of(one) == _disk_of(other)


def _disk_of(folder: Path) -> int | None:
    absolute = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  as in `replacing`
    for place in (absolute, *absolute.parents):
        try:
            return place.stat().st_dev
        except OSError:
            continue
    return None


def _sweep(destination: Path) -> None:
    """Remove what runs that were killed left of this destination; what another process is writing stays."""
    for lock in destination.parent.glob(f".{destination.name}{_MARK}*.lock"):
        try:
            with FileLock(lock, timeout=_PATIENCE_SECONDS):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)
        except Timeout:
            continue


def _publish(partial: Path, destination: Path) -> None:
    for folder, _, files in os.walk(partial):
        for name in files:
            _flush(Path(folder, name))
        _flush(Path(folder))
    aside = partial.with_name(partial.name + "-replaced")
    replaced = destination.exists() or destination.is_symlink()
    if replaced:
        destination.rename(aside)
    partial.rename(destination)
    _flush(destination.parent)
    if aside.is_symlink() or aside.is_file():
        aside.unlink()
    elif replaced:
        shutil.rmtree(aside)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def translated(error: OSError, destination: Path) -> MlxkitError:
    """Return what a disk that a folder cannot be written to is told as."""
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return DoesNotFitError(
            f"The disk is full: {str(destination)!r} was not written.",
            hint="free space, then run the same command again",
        )
    return MlxkitError(
        f"{str(destination)!r} cannot be written: {error.strerror or error}.", hint="name another folder"
    )
