"""`mlxkit report` as it is typed: forms, files, and what is refused."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.engines import ledger
from tests.fakes.frontiers import measurements


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLXKIT_LEDGER", str(tmp_path / "ledger.sqlite3"))
    ledger.record(measurements())


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["report", *words], prog_name="mlxkit")


def test_text_has_the_table_and_the_choice() -> None:
    result = run("--device", "iPhone 17 Pro")

    assert (result.exit_code, result.stderr) == (0, "")
    for words in ("acme/Small, scaled down", "S-3.5bpw", "0.0400 ± 0.0020", "Least KL that fits", "iPhone 17 Pro"):
        assert words in result.stdout


def test_markdown_and_json_say_the_same() -> None:
    assert "| iPhone 17 Pro | 6.00 GB | S-4.5bpw |" in run("--device", "iPhone 17 Pro", "--format", "markdown").stdout

    envelope = json.loads(run("--json", "--metric", "top1").stdout)
    assert (envelope["command"], envelope["status"], envelope["data"]["metric"]) == ("report", "ok", "top1")
    assert envelope["data"]["points"][0]["readings"]["kl"]["value"] == 0.21


def test_a_page_goes_into_a_file_or_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    result = run("--format", "html", "-o", str(path))

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("Written to ")
    assert path.read_text(encoding="utf-8") == run("--format", "html", "-q").stdout
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not [one for one in tmp_path.iterdir() if one.name.startswith("partial")]


def test_other_forms_go_into_files_too(tmp_path: Path) -> None:
    result = run("--format", "markdown", "-o", str(tmp_path / "a.md"), "--plot", str(tmp_path / "a.svg"), "-q")

    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "a.md").read_text().startswith("## acme/Small")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")


def test_a_page_is_nothing_for_a_terminal() -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "mlxkit", "report", "--format", "html"]

    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )

    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Hint: name a file: -o report.html"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "none/a.html"), "There is no folder 'none'"),
        (("--metric", "beauty"), "beauty"),
        (("nobody",), "Nothing was measured of 'nobody'"),
        (("--device", "toaster"), "There is no device 'toaster'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(words: tuple[str, ...], said: str) -> None:
    result = run(*words)

    assert result.exit_code in (1, 2)
    assert not result.stdout
    assert said in result.stderr
