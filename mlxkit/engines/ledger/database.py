"""The ledger's file: made, brought to the newest schema and opened, whoever else does the same at that moment."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from mlxkit.core.errors import IntegrityError
from mlxkit.engines.ledger.place import damaged, primary_code, told
from mlxkit.engines.ledger.schema import APPLICATION_ID, MIGRATIONS, Migration

PATIENCE_SECONDS = 60.0
"""How long a process waits for others: each holds the ledger for milliseconds."""

_PAUSE_SECONDS = 0.01


@contextmanager
def opened(
    path: Path, *, migrations: Sequence[Migration] = MIGRATIONS, patience: float = PATIENCE_SECONDS
) -> Iterator[sqlite3.Connection]:
    """Yield the ledger, made or migrated when that is needed.

    Args:
        path: its file; folders above it are made.
        migrations: what leads to the newest schema.
        patience: how many seconds to wait for other processes.

    Raises:
        IntegrityError: the file is no ledger, or one of a newer mlxkit.
        DoesNotFitError: the disk is full.
        MlxkitError: it cannot be opened or written, or another process does not let go of it.
    """
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(_connected(path, "rwc", patience)) as connection:
            _prepare(connection, path, migrations, patience)
            yield connection


@contextmanager
def opened_if_there(
    path: Path, *, migrations: Sequence[Migration] = MIGRATIONS, patience: float = PATIENCE_SECONDS
) -> Iterator[sqlite3.Connection | None]:
    """Yield the ledger, or None when there is none yet: nothing is made for a reader.

    Args:
        path: as in `opened`.
        migrations: as in `opened`; a ledger of an older version is brought to the newest.
        patience: as in `opened`.

    Raises:
        MlxkitError: as in `opened`.
    """
    with told(path):
        if not path.exists():
            yield None
            return
        with closing(_connected(path, "rw", patience)) as connection:
            version = _version(connection, path, len(migrations))
            if 0 < version < len(migrations):
                _prepare(connection, path, migrations, patience)
            yield connection if version else None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of it or nothing, with nobody else writing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _connected(path: Path, mode: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=patience, isolation_level=None
    )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration], patience: float) -> None:
    if _version(connection, path, len(migrations)) == len(migrations):
        return
    _write_ahead(connection, patience)
    with transaction(connection):
        # Another process may have been faster.
        for migration in migrations[_version_now(connection, path, len(migrations)) :]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to a write-ahead log, which SQLite refuses at once, without its usual patience, while others do the same.

    Where the file system has no shared memory the ledger stays with a rollback journal, which is as sound.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """Return the schema version, all that tells it read at one moment."""
    connection.execute("BEGIN")
    try:
        return _version_now(connection, path, newest)
    finally:
        connection.rollback()


def _version_now(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    def value(statement: str) -> int:
        return int(connection.execute(statement).fetchone()[0])

    version = value("PRAGMA user_version")
    if value("PRAGMA application_id") != APPLICATION_ID:
        if version or value("SELECT count(*) FROM sqlite_master") or value("PRAGMA application_id"):
            raise damaged(path, "it is the database of another program")
        return 0
    if version > newest:
        raise IntegrityError(
            f"The ledger {str(path)!r} has schema version {version}, and this mlxkit knows versions up to {newest}.",
            hint="update mlxkit, or set MLXKIT_LEDGER to another file",
        )
    return version
