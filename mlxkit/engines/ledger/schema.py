"""The ledger's tables, as the migrations that lead to them. What was released is never edited: add a migration."""

from collections.abc import Sequence

Migration = Sequence[str]
"""SQL statements that lead from one schema version to the next."""

APPLICATION_ID = 0x6D6C786B
"""``mlxk`` in ASCII: what tells a ledger from other SQLite files."""


def _contents(table: str) -> str:
    return f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE)"


def _append_only(table: str, key: str) -> tuple[str, ...]:
    """Return triggers that let rows be added only. INSERT OR REPLACE deletes without telling the one for DELETE."""
    refusal = f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table}'); END"
    is_there = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key} OR rowid = NEW.rowid)"  # noqa: S608  our names
    return (
        f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table} {refusal}",
        f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} {refusal}",
        f"CREATE TRIGGER {table}_replace BEFORE INSERT ON {table} WHEN {is_there} {refusal}",
    )


MIGRATIONS: tuple[Migration, ...] = (
    (
        _contents("subjects"),
        _contents("workloads"),
        _contents("machines"),
        # `taken_at` has no type, so that whole numbers stay whole: the id depends on it.
        """CREATE TABLE measurements (
            id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 64),
            kind TEXT NOT NULL,
            subject INTEGER NOT NULL REFERENCES subjects (id),
            workload INTEGER NOT NULL REFERENCES workloads (id),
            machine INTEGER NOT NULL REFERENCES machines (id),
            summary TEXT NOT NULL,
            raw TEXT NOT NULL,
            taken_at NOT NULL CHECK (typeof(taken_at) IN ('integer', 'real')),
            is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1))
        )""",
        "CREATE INDEX measurements_in_order ON measurements (taken_at, id)",
        *_append_only("subjects", "content"),
        *_append_only("workloads", "content"),
        *_append_only("machines", "content"),
        *_append_only("measurements", "id"),
    ),
)
"""Each leads from the version that is its index to the next one."""
