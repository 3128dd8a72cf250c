"""Files that the ledger is exported to and imported from."""

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from mlxkit.core.errors import DoesNotFitError, MlxkitError, NotFoundError, PlanError
from mlxkit.engines.ledger.place import ledger_path

STDIN = "-"


def read_lines(name: str) -> list[bytes]:
    """Return the lines of a file, or of stdin when its name is ``-``, without their ends.

    Raises:
        NotFoundError: it is not there, or cannot be read.
    """
    try:
        if name == STDIN:
            content = sys.stdin.buffer.read() if sys.stdin is not None else b""
        else:
            content = Path(name).expanduser().read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotFoundError(f"{name!r} cannot be read: {reason}.", hint="mlxkit ledger import FILE") from error
    return content.split(b"\n")


def write_whole(destination: Path, content: bytes, *, force: bool) -> None:
    """Write a file that appears whole or not at all.

    Args:
        destination: the file.
        content: all of it.
        force: a file that is there already is replaced; nothing else ever is.

    Raises:
        PlanError: it is there already, or is no place for a file.
        DoesNotFitError: the disk is full.
        MlxkitError: it cannot be written.
    """
    destination = destination.expanduser()
    try:
        _refuse(destination, force=force)
        partial = destination.with_name(f".{destination.name}.mlxkit-partial-{uuid4().hex[:8]}")
        try:
            with partial.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _publish(partial, destination, force=force)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    except FileExistsError as error:
        raise _existing(destination) from error
    except (OSError, ValueError) as error:
        raise _translated(error, destination) from error


def _refuse(destination: Path, *, force: bool) -> None:
    try:
        mode = destination.lstat().st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise PlanError(f"{str(destination)!r} is no file.", hint="name a file, or none for stdout")
    if not force:
        raise _existing(destination)
    ledger = ledger_path()
    if destination.exists() and ledger.exists() and destination.samefile(ledger):
        raise PlanError(f"{str(destination)!r} is the ledger itself.", hint="name another file")


def _publish(partial: Path, destination: Path, *, force: bool) -> None:
    if force:
        partial.replace(destination)
        return
    try:
        destination.hardlink_to(partial)  # unlike a renaming, it never replaces what came to be there meanwhile
    except FileExistsError:
        raise
    except OSError:  # not every file system has links
        _refuse(destination, force=False)
        partial.replace(destination)


def _existing(destination: Path) -> PlanError:
    return PlanError(f"{str(destination)!r} exists already.", hint="name another file, or replace it with --force")


def _translated(error: OSError | ValueError, destination: Path) -> MlxkitError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DoesNotFitError(
            f"The disk is full: {str(destination)!r} was not written.",
            hint="free space, then run the same command again",
        )
    reason = getattr(error, "strerror", None) or error
    return MlxkitError(f"{str(destination)!r} cannot be written: {reason}.", hint="name another file")
