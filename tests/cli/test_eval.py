"""`mlxkit eval` as it is typed: what it prints, and what it says to whatever is wrong with its input."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.engines import ledger
from tests.cli.test_bad_input import CASES, assert_one_sentence
from tests.fakes.checkpoints import files_of, write_checkpoint
from tests.fakes.program import Program
from tests.hub import serve

SHORT = ("--tokens", "128", "--context", "32")


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLXKIT_LEDGER", str(tmp_path / "kept" / "ledger.sqlite3"))
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "kept" / "cache"))


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="mlxkit")


def test_json_is_what_the_ledger_holds(source):
    done = run("eval", str(source), "--reference", str(source), *SHORT, "--json")
    envelope = json.loads(done.stdout)
    assert (done.exit_code, done.stderr, envelope["command"], envelope["status"]) == (0, "", "eval", "ok")
    (said,) = envelope["data"]["measurements"]
    (kept,) = ledger.find(kind="quality")
    assert said == {"id": kept.id, **json.loads(json.dumps(kept.as_json()))}
    assert said["summary"]["kl_nats"] == 0


def test_text_names_the_figures_and_the_measurement(source):
    done = run("eval", str(source), "--reference", str(source), *SHORT)
    assert done.exit_code == 0
    for words in ("Against the original", "KL (nats)", "p99.9", "same first", "Perplexity", "Bits per byte"):
        assert words in done.stdout
    (kept,) = ledger.find(kind="quality")
    assert f"Recorded as {kept.id[:12]}." in done.stdout
    assert kept.id[:12] in run("ledger", "list").stdout


@pytest.mark.parametrize(("spoil", "status", "said"), CASES, ids=[spoil.__name__ for spoil, *_ in CASES])
def test_a_spoiled_checkpoint(tmp_path, spoil, status, said):
    folder = write_checkpoint(tmp_path / "source")
    spoil(folder)
    assert_one_sentence(run("eval", str(folder), *SHORT), status, said)
    assert ledger.find() == ()


@pytest.mark.parametrize(
    "words",
    [
        ("--tokens", "1"),
        ("--context", "1"),
        ("--tokens", "64", "--context", "128"),
        ("--until-se", "0"),
        ("--text", "nowhere.txt"),
        ("--task", "nowhere.jsonl"),
        ("--reference", "nowhere/at/all"),
    ],
    ids=" ".join,
)
def test_a_wish_that_cannot_be_is_one_sentence(source, words):
    done = run("eval", str(source), *words)
    assert done.exit_code in (1, 2)
    assert [line.split(":")[0] for line in done.stderr.strip().splitlines()] == ["Error", "Hint"]
    assert ledger.find() == ()


def test_an_original_from_the_hub_is_found_without_a_request(tmp_path):
    files = files_of(write_checkpoint(tmp_path / "published"))
    with serve() as hub:
        hub.add("owner/name", files)
        program = Program(hub, tmp_path / "home")
        made = program("quantize", "owner/name", "small", "--scheme", "4bit")
        assert made.returncode == 0, made.stderr
        done = program("eval", "small", *SHORT, "--json", sockets=False)
    (said,) = json.loads(done.stdout)["data"]["measurements"]
    reference = said["workload"]["reference"]
    assert (reference["repo"], reference["commit"]) == ("owner/name", hub.repos["owner/name"].head)
    assert said["summary"]["kl_nats"] > 0
    assert str(tmp_path) not in done.stdout
