"""The ledger: nothing is lost, changed or private in it, whoever writes and whenever it is killed."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from platformdirs import user_data_path

from mlxkit.core.errors import DoesNotFitError, IntegrityError, MlxkitError, NotFoundError, PlanError
from mlxkit.core.measurement import Measurement, Subject
from mlxkit.engines import ledger
from mlxkit.engines.ledger import database, place
from mlxkit.engines.ledger.schema import APPLICATION_ID, MIGRATIONS
from tests.fakes.measurements import DIGEST, MEASUREMENTS, measurement

ROOT = Path(__file__).parents[2]
TABLES = ("subjects", "workloads", "machines", "measurements")


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger that is not there yet, in a folder that is not there yet."""
    file = tmp_path / "data" / "ledger.sqlite3"
    monkeypatch.setenv("MLXKIT_LEDGER", str(file))
    return file


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as any program opens it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def ask(path: Path, statement: str) -> object:
    with raw(path) as connection:
        return connection.execute(statement).fetchone()[0]


def start(first: int, count: int, batch: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.ledger_process", str(first), str(count), str(batch)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def release(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_what_is_recorded_is_found_newest_last_and_once(path: Path) -> None:
    second, first = measurement(2), measurement(1)

    assert ledger.record([second, first, second]) == 2
    assert ledger.record([first]) == 0
    assert ledger.record([]) == 0
    assert ledger.find() == (first, second)
    assert ledger.held([first, measurement(3)]) == 1
    assert ask(path, "SELECT count(*) FROM subjects") == 1


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(MEASUREMENTS, max_size=3))
def test_it_gives_back_exactly_what_it_was_given(path: Path, found: list[Measurement]) -> None:
    path.unlink(missing_ok=True)
    kept = {one.id: one for one in map(ledger.as_kept, found)}

    assert ledger.record(found) == len(kept)

    assert {one.id: one for one in ledger.find()} == kept


def test_it_is_found_by_kind_subject_and_workload() -> None:
    plain = measurement(1)
    task = measurement(2, kind="task", workload={"task": "sums", "text": {"digest": "ab", "tokens": 3}})
    other = measurement(3, subject=Subject("ab" * 32, "~/models/mine", "owner/Name-4bit"))
    ledger.record([plain, task, other])

    assert ledger.find(kind="task") == (task,)
    assert (
        ledger.find(subject="tiny") == ledger.find(subject=DIGEST[:8]) == ledger.find(subject=DIGEST) == (plain, task)
    )
    for name in ("~/models/mine", f"{Path.home()}/models/mine", "mine", "owner/Name-4bit", "Name-4bit", "abab"):
        assert ledger.find(subject=name) == (other,), name
    for name in ("tin", "5f5", "", "owner"):
        assert ledger.find(subject=name) == (), name
    assert ledger.find(workload={"seed": 1, "tokens": 4096}) == (plain, other)
    assert ledger.find(workload={"text": {"tokens": 3, "digest": "ab"}}) == (task,)
    assert ledger.find(workload={"seed": 2}) == ledger.find(workload={"seed": None}) == ()
    assert ledger.find(kind="quality", subject="mine", workload={"seed": 1}) == (other,)


def test_one_is_had_by_the_beginning_of_its_id() -> None:
    found = {number: measurement(number) for number in range(20)}
    ledger.record(found.values())

    assert ledger.get(found[3].id) == ledger.get(found[3].id[:12].upper()) == found[3]
    for unknown in ("", "xyz", "0" * 63 + "z", "f" * 64, "%", f"{found[3].id}0"):
        with pytest.raises(NotFoundError, match="no measurement"):
            ledger.get(unknown)
    shared = next(one.id[0] for one in found.values() if sum(o.id[0] == one.id[0] for o in found.values()) > 1)
    with pytest.raises(PlanError, match="several"):
        ledger.get(shared)


def test_reading_makes_nothing(path: Path) -> None:
    assert ledger.find() == ()
    assert ledger.held([measurement()]) == 0
    with pytest.raises(NotFoundError):
        ledger.get("ab")
    assert not path.parent.exists()


def test_an_empty_file_is_an_empty_ledger(path: Path) -> None:
    path.parent.mkdir()
    path.touch()

    assert ledger.find() == ()
    assert path.stat().st_size == 0
    assert ledger.record([measurement()]) == 1


def test_nothing_private_is_kept(path: Path) -> None:
    home = Path.home()
    private = measurement(
        subject=Subject(DIGEST, f"{home}/models/x"),
        workload={"file": "/Users/somebody/text.txt"},
        machine={str(home): "bob", "folder": "bad \udc80 name"},
        raw={"lines": [f"in {home}/x"]},
    )

    ledger.record([private])

    (kept,) = ledger.find()
    assert kept.id != private.id
    assert kept == ledger.as_kept(private) == ledger.as_kept(kept)
    assert kept.subject.name == "~/models/x"
    assert kept.workload == {"file": "~/text.txt"}
    assert kept.machine == {"~": "bob", "folder": "bad ? name"}
    assert kept.raw == {"lines": ["in ~/x"]}
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"somebody" not in content
    assert f"{home}/models".encode() not in content
    assert ledger.find(subject=f"{home}/models/x", workload={"file": "/Users/somebody/text.txt"}) == (kept,)


def test_one_that_cannot_be_kept_keeps_the_others_out() -> None:
    with pytest.raises(ValueError, match="JSON"):
        ledger.record([measurement(1), measurement(2, summary={"kl_nats": float("nan")})])

    assert ledger.find() == ()


def test_the_place_is_the_users_or_the_named_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLXKIT_LEDGER", "~/x/l.db")
    assert ledger.ledger_path() == Path.home() / "x/l.db"
    monkeypatch.setenv("MLXKIT_LEDGER", "")
    assert ledger.ledger_path() == user_data_path("mlxkit") / "ledger.sqlite3"


def test_the_file_is_set_up_to_last(path: Path) -> None:
    ledger.record([measurement()])

    assert ask(path, "PRAGMA journal_mode") == "wal"
    assert ask(path, "PRAGMA application_id") == APPLICATION_ID
    assert ask(path, "PRAGMA user_version") == len(MIGRATIONS)
    with database.opened(path) as connection:
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute(f"INSERT INTO measurements VALUES ('{'0' * 64}', 'task', 9, 9, 9, '', '', 0, 1)")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET id = id",
        "DELETE FROM {}",
        "INSERT OR REPLACE INTO {} SELECT * FROM {}",
        "REPLACE INTO {} (rowid, {key}) SELECT rowid, 'x' FROM {}",
    ],
)
def test_rows_are_added_only(path: Path, table: str, statement: str) -> None:
    ledger.record([measurement()])
    key = "id" if table == "measurements" else "content"

    with raw(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement.format(table, table, key=key))

    assert ledger.find() == (measurement(),)


@pytest.mark.parametrize(
    ("column", "value"),
    [("summary", '{"kl_nats":0.0}'), ("summary", "no JSON"), ("kind", "speed"), ("taken_at", 5), ("raw", "[]")],
)
def test_what_was_changed_behind_its_back_is_found_out(path: Path, column: str, value: object) -> None:
    ledger.record([measurement()])
    with raw(path) as connection:
        connection.execute("DROP TRIGGER measurements_update")
        connection.execute(f"UPDATE measurements SET {column} = ?", (value,))

    for look in (ledger.find, lambda: ledger.get(measurement().id)):
        with pytest.raises(IntegrityError, match=f"{measurement().id[:12]} was changed"):
            look()


def test_eight_processes_that_start_on_a_fresh_path_lose_nothing(path: Path) -> None:
    processes = [start(125 * number, 125, 5) for number in range(8)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        release(process)

    for process in processes:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert out.split() == ["5"] * 25

    found = ledger.find()
    assert [one.summary["number"] for one in found] == list(range(1000))
    assert ask(path, "PRAGMA integrity_check") == "ok"
    assert ask(path, "SELECT count(*) FROM workloads") == 7


def test_killed_in_the_midst_of_writing_it_stays_sound(path: Path) -> None:
    told = 0
    for turn in range(4):
        process = start(10_000 * turn, 10_000, 50)
        assert process.stdout
        release(process)
        process.stdout.readline()
        for _ in range(turn):
            told += int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        told += sum(map(int, rest.split()))
        assert process.returncode == -signal.SIGKILL

        found = ledger.find()

        assert told <= len(found) <= told + 50 * (turn + 1)
        assert len(found) % 50 == 0
        if path.exists():
            assert ask(path, "PRAGMA integrity_check") == "ok"
    assert told
    assert ledger.record([measurement(-1)]) == 1


def test_killed_inside_a_transaction_nothing_of_it_is_there(path: Path) -> None:
    ledger.record([measurement(1)])
    script = (
        "import os, signal, sys\n"
        "from mlxkit.engines.ledger import database, ledger_path\n"
        "with database.opened(ledger_path()) as connection, database.transaction(connection):\n"
        "    connection.execute('PRAGMA cache_size = 1')\n"
        "    for number in range(2000):\n"
        "        connection.execute('INSERT INTO workloads (content) VALUES (?)', (str(number) * 500,))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)

    assert done.returncode == -signal.SIGKILL
    assert path.with_name(f"{path.name}-wal").stat().st_size > 100_000  # it was written, and not committed
    assert ledger.find() == (measurement(1),)
    assert ask(path, "SELECT count(*) FROM workloads") == 1
    assert ask(path, "PRAGMA integrity_check") == "ok"


def test_a_newer_schema_is_left_alone(path: Path) -> None:
    ledger.record([measurement()])
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    for use in (ledger.find, lambda: ledger.record([measurement(1)])):
        with pytest.raises(IntegrityError, match="schema version 2") as told:
            use()
        assert "update mlxkit" in (told.value.hint or "")


def test_an_older_schema_is_brought_to_the_newest_whoever_comes_first(path: Path) -> None:
    newer = (*MIGRATIONS, ("CREATE TABLE notes (id INTEGER PRIMARY KEY)", "INSERT INTO notes VALUES (7)"))
    ledger.record([measurement()])

    with database.opened_if_there(path, migrations=newer) as connection:
        assert connection is not None
        assert connection.execute("SELECT id FROM notes").fetchall() == [(7,)]
    with database.opened(path, migrations=newer) as connection:
        assert connection.execute("SELECT id FROM notes").fetchall() == [(7,)]
        assert connection.execute("SELECT id FROM measurements").fetchall() == [(measurement().id,)]
    assert ask(path, "PRAGMA user_version") == 2


def test_a_migration_that_breaks_leaves_what_was_there(path: Path) -> None:
    ledger.record([measurement()])
    broken = (*MIGRATIONS, ("CREATE TABLE notes (id INTEGER PRIMARY KEY)", "INSERT INTO nowhere VALUES (7)"))

    with pytest.raises(sqlite3.OperationalError, match="nowhere"), database.opened(path, migrations=broken):
        pass

    assert ledger.find() == (measurement(),)
    assert ask(path, "SELECT count(*) FROM sqlite_master WHERE name = 'notes'") == 0


def foreign(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE bookmarks (id INTEGER PRIMARY KEY)")


def no_database(path: Path) -> None:
    path.write_text("These are my notes. " * 100)


def numbered(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("PRAGMA application_id = 7")


def cut_off(path: Path) -> None:
    ledger.record(measurement(number) for number in range(50))
    path.write_bytes(path.read_bytes()[:6000])


@pytest.mark.parametrize("spoil", [foreign, no_database, numbered, cut_off])
def test_what_is_no_ledger_is_told_and_not_touched(path: Path, spoil: "type") -> None:
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes()

    for use in (ledger.find, lambda: ledger.record([measurement(99)])):
        with pytest.raises(IntegrityError, match="not a sound ledger") as told:
            use()
        assert str(path) in told.value.message
        assert told.value.message.endswith(".")
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told(path: Path) -> None:
    path.parent.write_text("a file")

    with pytest.raises(MlxkitError, match="cannot be opened or written") as told:
        ledger.record([measurement()])
    assert "MLXKIT_LEDGER" in (told.value.hint or "")
    assert ledger.find() == ()


def test_a_folder_in_the_ledgers_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)

    for use in (ledger.find, lambda: ledger.record([measurement()])):
        with pytest.raises(MlxkitError, match="cannot be opened or written"):
            use()


@pytest.mark.skipif(os.geteuid() == 0, reason="no permission bit stops root")
def test_a_folder_that_is_read_only_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o500)

    with pytest.raises(MlxkitError, match="cannot be opened or written"):
        ledger.record([measurement()])
    assert not path.exists()


def test_a_file_that_cannot_be_written_is_told(path: Path) -> None:
    ledger.record([measurement()])

    with (
        pytest.raises(MlxkitError, match="cannot be opened or written: attempt to write a readonly"),
        place.told(path),
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection,
    ):
        connection.execute("INSERT INTO subjects (content) VALUES ('x')")


def test_a_full_disk_is_told(path: Path) -> None:
    ledger.record([measurement()])

    def fill() -> None:
        with database.opened(path) as connection:
            connection.execute("PRAGMA max_page_count = 1")
            connection.execute("INSERT INTO subjects (content) VALUES (zeroblob(1000000))")

    with pytest.raises(DoesNotFitError, match="disk is full"):
        fill()
    assert ledger.find() == (measurement(),)


def test_a_ledger_that_another_process_holds_is_told(path: Path) -> None:
    ledger.record([measurement()])

    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ledger.find() == (measurement(),)  # readers do not wait for writers
        with (
            pytest.raises(MlxkitError, match="locked by another process"),
            database.opened(path, patience=0.01) as connection,
            database.transaction(connection),
        ):
            pass


def test_a_fresh_ledger_that_another_process_holds_is_told(path: Path) -> None:
    path.parent.mkdir()
    with raw(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MlxkitError, match="locked by another process"), database.opened(path, patience=0.01):
            pass


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"

    ledger.write_whole(file, b"one", force=False)
    with pytest.raises(PlanError, match="exists already"):
        ledger.write_whole(file, b"two", force=False)
    assert file.read_bytes() == b"one"
    ledger.write_whole(file, b"two", force=True)
    assert file.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_file_that_cannot_be_is_told(tmp_path: Path, path: Path) -> None:
    ledger.record([measurement()])
    with pytest.raises(MlxkitError, match="cannot be written"):
        ledger.write_whole(tmp_path / "nowhere" / "x", b"", force=False)
    for place_taken in (tmp_path, Path(os.devnull)):
        with pytest.raises(PlanError, match="is no file"):
            ledger.write_whole(place_taken, b"", force=True)
    with pytest.raises(PlanError, match="the ledger itself"):
        ledger.write_whole(path, b"", force=True)
    assert ledger.find() == (measurement(),)


def test_another_measurement_has_another_id() -> None:
    assert ledger.record([measurement(), replace(measurement(), is_complete=False)]) == 2
