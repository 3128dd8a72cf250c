"""`mlxkit bench` as it is typed: what it prints and draws, and what it says to wishes that cannot be."""

import csv
import json
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.engines import ledger
from tests.cli.test_bad_input import CASES, assert_one_sentence
from tests.fakes.checkpoints import write_checkpoint

SHORT = ("-p", "8", "-n", "4", "-r", "2")


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLXKIT_LEDGER", str(tmp_path / "kept" / "ledger.sqlite3"))
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "kept" / "cache"))


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["bench", *words], prog_name="mlxkit")


def test_json_is_what_the_ledger_holds(source):
    done = run(str(source), *SHORT, "-d", "0,4", "--json")
    envelope = json.loads(done.stdout)
    assert (done.exit_code, done.stderr, envelope["command"]) == (0, "", "bench")
    said = envelope["data"]["measurements"]
    assert [one["id"] for one in said] == [one.id for one in ledger.find(kind="throughput")]
    assert [one["workload"]["depth"] for one in said] == [0, 4]
    assert all(one["summary"]["share_of_ceiling"] > 0 for one in said)
    assert envelope["data"]["bandwidth_bytes_per_second"] > 0


def test_text_csv_and_picture(source, tmp_path):
    done = run(str(source), *SHORT, "--plot", str(tmp_path / "it.svg"))
    assert done.exit_code == 0
    for words in ("Prefill tok/s", "Decode tok/s", "TTFT", "Of ceiling", "Peak", "Memory is read at", "Recorded as"):
        assert words in done.stdout
    assert "ceiling" in (tmp_path / "it.svg").read_text()
    header, row = csv.reader(StringIO(run(str(source), *SHORT, "--format", "csv").stdout))
    assert header[:3] == ["Model", "p", "n"]
    assert row[:3] == ["source", "8", "4"]


def test_a_fresh_process_is_timed(source):
    done = run(str(source), "-p", "8", "-r", "1", "--cold", "--json")
    (one,) = json.loads(done.stdout)["data"]["measurements"]
    summary = one["summary"]
    parts = [summary[f"{name}_seconds"] for name in ("import", "load", "first")]
    assert min(parts) > 0
    assert summary["total_seconds"] == pytest.approx(sum(parts))


# What numbers are, and which text they stand for, is nothing to a stopwatch.
SPOILED = [case for case in CASES if case[0].__name__ not in ("nan_weights", "no_tokenizer_json")]


@pytest.mark.parametrize(("spoil", "status", "said"), SPOILED, ids=[spoil.__name__ for spoil, *_ in SPOILED])
def test_a_spoiled_checkpoint(tmp_path, spoil, status, said):
    folder = write_checkpoint(tmp_path / "source")
    spoil(folder)
    assert_one_sentence(run(str(folder), *SHORT), status, said)
    assert ledger.find() == ()


@pytest.mark.parametrize(
    "words",
    [
        ("-p", "0"),
        ("-p", "8,"),
        ("-p", "many"),
        ("-n", "0"),
        ("-d", "-1"),
        ("-b", "0"),
        ("-r", "0"),
        ("--delay", "-1"),
        ("-p", "99999999999"),
        ("-p", "100000"),
        ("--plot", "nowhere/it.svg"),
        ("--plot", "it.gif"),
    ],
    ids=" ".join,
)
def test_a_wish_that_cannot_be_is_one_sentence(source, words):
    done = run(str(source), *words)
    assert done.exit_code == 2
    assert [line.split(":")[0] for line in done.stderr.strip().splitlines()] == ["Error", "Hint"]
    assert ledger.find() == ()


@pytest.mark.parametrize("words", [("-n", "1"), ("-r", "1"), ("-n", "1", "-r", "1", "-p", "1")], ids=" ".join)
def test_the_least_of_everything_works(source, words):
    assert run(str(source), *SHORT, *words).exit_code == 0


def test_ctrl_c_keeps_what_was_finished(source, tmp_path):
    words = [sys.executable, "-m", "mlxkit", "bench", str(source), "-p", "8", "-n", "64", "-r", "1000", "-q"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "kept" / "cache" / "digests").exists():
        time.sleep(0.05)
    time.sleep(2)  # the weights are known; soon they are timed
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.startswith("Error: Interrupted")
    for found in ledger.find():
        assert not found.is_complete
        assert 0 < len(found.raw["trials"]) < 1000
        assert found.id[:12] in out
