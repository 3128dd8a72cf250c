"""Where the ledger is, and what is told when it cannot be used."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_data_path

from mlxkit.core.errors import DoesNotFitError, IntegrityError, MlxkitError

_FULL = frozenset({sqlite3.SQLITE_FULL})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_CLOSED = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_AUTH}
)


def ledger_path() -> Path:
    """Return the ledger's file: `MLXKIT_LEDGER`, or one in the system's place for a user's data."""
    named = os.environ.get("MLXKIT_LEDGER")
    return Path(named).expanduser() if named else user_data_path("mlxkit") / "ledger.sqlite3"


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its refinement; 0 when the error is not SQLite's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Say in one sentence that the ledger at `path` is of no use.

    Raises:
        DoesNotFitError: the disk is full.
        IntegrityError: it is no ledger, or damaged.
        MlxkitError: it cannot be opened or written, or another process holds it.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from error
        raise _closed(path, error.strerror or str(error)) from error
    except sqlite3.Error as error:
        code = primary_code(error)
        if code in _FULL:
            raise _full(path) from error
        if code in _LOCKED:
            raise MlxkitError(
                f"The ledger {str(path)!r} is locked by another process.",
                hint="wait for it, or stop it, then run the same command again",
            ) from error
        if code in _DAMAGED:
            raise damaged(path, str(error)) from error
        if code in _CLOSED:
            raise _closed(path, str(error)) from error
        raise


def damaged(path: Path, reason: str) -> IntegrityError:
    """Return the error for a file that is no ledger."""
    return IntegrityError(
        f"{str(path)!r} is not a sound ledger: {reason}.",
        hint="move it away, and import what was exported from it; or set MLXKIT_LEDGER to another file",
    )


def _full(path: Path) -> DoesNotFitError:
    return DoesNotFitError(
        f"The disk is full: {str(path)!r}, the ledger, has no room.",
        hint="free space, or set MLXKIT_LEDGER to a file on another disk",
    )


def _closed(path: Path, reason: str) -> MlxkitError:
    return MlxkitError(
        f"The ledger {str(path)!r} cannot be opened or written: {reason}.",
        hint="set MLXKIT_LEDGER to a file in a folder that can be written",
    )
