"""What is in the ledger: measurements added, found again, and proved unchanged by their ids."""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlxkit.core.errors import IntegrityError, NotFoundError, PlanError
from mlxkit.core.measurement import Kind, Measurement, canonical
from mlxkit.core.peers import is_called
from mlxkit.engines.ledger.database import opened, opened_if_there, transaction
from mlxkit.engines.ledger.place import damaged, ledger_path
from mlxkit.engines.ledger.privacy import as_kept, redacted

_ROWS = """
    SELECT measurements.id, kind, subjects.content, workloads.content, machines.content, summary, raw, taken_at,
        is_complete
    FROM measurements
    JOIN subjects ON subjects.id = subject
    JOIN workloads ON workloads.id = workload
    JOIN machines ON machines.id = machine
"""


def record(measurements: Iterable[Measurement]) -> int:
    """Add measurements to the ledger, all or none, without what is private. One that is there already stays as it is.

    Returns:
        How many were new.

    Raises:
        ValueError: one holds a number that is not finite.
        MlxkitError: as in `database.opened`.
    """
    kept = {one.id: one for one in map(as_kept, measurements)}
    if not kept:
        return 0
    with opened(ledger_path()) as connection, transaction(connection):
        new = kept.keys() - _held(connection, kept)
        for identifier, measurement in kept.items():
            if identifier in new:
                _add(connection, measurement)
    return len(new)


def held(measurements: Iterable[Measurement]) -> int:
    """Return how many of these, each counted once, are in the ledger already.

    Raises:
        MlxkitError: as in `database.opened`.
    """
    with opened_if_there(ledger_path()) as connection:
        return len(_held(connection, {as_kept(one).id for one in measurements})) if connection else 0


def find(
    kind: Kind | None = None, subject: str | None = None, workload: Mapping[str, Any] | None = None
) -> tuple[Measurement, ...]:
    """Return measurements, the newest last; those of one moment in the order of their ids.

    Args:
        kind: of this kind.
        subject: of the checkpoint with this name, this repo, or a digest that begins so; the last part of a name is
            enough.
        workload: of a workload that has all these items, and may have more.

    Raises:
        IntegrityError: a measurement is not what its id says.
        MlxkitError: as in `database.opened`.
    """
    path = ledger_path()
    sought = None if workload is None else json.loads(canonical(redacted(dict(workload)))).items()
    name = None if subject is None else redacted(subject)
    with opened_if_there(path) as connection:
        if connection is None:
            return ()
        rows = connection.execute(f"{_ROWS} WHERE ?1 IS NULL OR kind = ?1 ORDER BY taken_at, measurements.id", (kind,))
        return tuple(
            one
            for one in _measurements(rows, path)
            if (name is None or is_called(one.subject, name))
            and (sought is None or all(key in one.workload and one.workload[key] == value for key, value in sought))
        )


def get(id_prefix: str) -> Measurement:
    """Return the one measurement whose id begins so.

    Raises:
        NotFoundError: there is none.
        PlanError: there are several.
        IntegrityError: it is not what its id says.
        MlxkitError: as in `database.opened`.
    """
    prefix, path = id_prefix.lower(), ledger_path()
    found: tuple[Measurement, ...] = ()
    if re.fullmatch(r"[0-9a-f]{1,64}", prefix):
        with opened_if_there(path) as connection:
            if connection is not None:
                where = "WHERE measurements.id >= ?1 AND measurements.id < ?1 || 'g' ORDER BY measurements.id LIMIT 2"
                found = tuple(_measurements(connection.execute(f"{_ROWS} {where}", (prefix,)), path))
    if not found:
        raise NotFoundError(f"There is no measurement {id_prefix!r} in the ledger.", hint="mlxkit ledger list")
    if len(found) > 1:
        raise PlanError(
            f"{id_prefix!r} is the beginning of several ids, among them {found[0].id[:16]} and {found[1].id[:16]}.",
            hint="give more of it",
        )
    return found[0]


def _held(connection: sqlite3.Connection, identifiers: Iterable[str]) -> set[str]:
    return {
        identifier
        for identifier in identifiers
        if connection.execute("SELECT 1 FROM measurements WHERE id = ?", (identifier,)).fetchone()
    }


def _add(connection: sqlite3.Connection, measurement: Measurement) -> None:
    said = measurement.as_json()
    connection.execute(
        "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            measurement.id,
            measurement.kind,
            _shared(connection, "subjects", said["subject"]),
            _shared(connection, "workloads", said["workload"]),
            _shared(connection, "machines", {"machine": said["machine"], "versions": said["versions"]}),
            canonical(said["summary"]),
            canonical(said["raw"]),
            measurement.taken_at,
            measurement.is_complete,
        ),
    )


def _shared(connection: sqlite3.Connection, table: str, content: Mapping[str, Any]) -> int:
    """Return the row of what measurements have in common, added when it is not there yet."""
    text = canonical(content)
    row = connection.execute(f"SELECT id FROM {table} WHERE content = ?", (text,)).fetchone()  # noqa: S608  our own name
    if row is not None:
        return int(row[0])
    added = connection.execute(f"INSERT INTO {table} (content) VALUES (?)", (text,)).lastrowid  # noqa: S608  the same
    return int(added or 0)


def _measurements(rows: Iterable[tuple[Any, ...]], path: Path) -> Iterator[Measurement]:
    for identifier, kind, subject, workload, machine, summary, raw, taken_at, is_complete in rows:
        try:
            texts = {"subject": subject, "workload": workload, "summary": summary, "raw": raw}
            content = {name: json.loads(text) for name, text in texts.items()} | json.loads(machine)
            content |= {"kind": kind, "taken_at": taken_at, "is_complete": bool(is_complete)}
            measurement = Measurement.from_json(content)
            is_sound = measurement.id == identifier
        except (ValueError, IntegrityError):
            is_sound = False
        if not is_sound:
            raise damaged(path, f"the measurement {str(identifier)[:12]} was changed")
        yield measurement
