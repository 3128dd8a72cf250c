"""The ledger from the command line: what is printed where, and with which status."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.core import exchange
from mlxkit.engines import ledger
from tests.fakes.measurements import measurement


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ledger.sqlite3"
    monkeypatch.setenv("MLXKIT_LEDGER", str(file))
    return file


def run(*words: str, given: bytes | None = None, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["ledger", *words], input=given, prog_name="mlxkit", env=environment)


def lines(*numbers: int) -> str:
    return "".join(f"{exchange.line(measurement(number))}\n" for number in numbers)


def test_the_commands_are_shown_in_the_order_of_their_use() -> None:
    shown = run().stdout.partition("Commands:")[2]

    assert [line.split()[0] for line in shown.splitlines() if line.startswith("  ")] == [
        "list", "show", "export", "import",
    ]  # fmt: skip


def test_a_list_has_a_row_for_each_measurement() -> None:
    ledger.record([measurement(1), measurement(2)])

    result = run("list")

    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines() if " KL " in line] == [
        measurement(1).id[:12],
        measurement(2).id[:12],
    ]
    assert "621 kB" in result.stdout


def test_a_list_in_json_has_the_figures_and_not_the_raw_values() -> None:
    ledger.record([measurement(1)])

    envelope = json.loads(run("list", "--json").stdout)

    assert (envelope["command"], envelope["status"], envelope["data"]["verb"]) == ("ledger", "ok", "list")
    (entry,) = envelope["data"]["measurements"]
    assert entry == {key: value for key, value in exchange.exported(measurement(1)).items() if key != "raw"}


def test_a_kind_that_there_is_not_is_a_usage_error() -> None:
    result = run("list", "--kind", "speed")

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "Hint: mlxkit ledger list --help"


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_one_is_shown(form: str) -> None:
    ledger.record([measurement(1)])

    result = run("show", measurement(1).id[:8], "--format", form)

    assert result.exit_code == 0
    assert measurement(1).id in result.stdout
    assert "evaluation" in result.stdout


def test_one_is_shown_in_json_complete() -> None:
    ledger.record([measurement(1)])

    envelope = json.loads(run("show", measurement(1).id[:8], "--json").stdout)

    assert exchange.parse(json.dumps(envelope["data"]["measurement"])) == measurement(1)


def test_one_that_there_is_not_is_told() -> None:
    result = run("show", "abc")

    assert result.exit_code == 1
    assert result.stderr == "Error: There is no measurement 'abc' in the ledger.\nHint: mlxkit ledger list\n"
    envelope = json.loads(run("show", "abc", "--json").stdout)
    assert (envelope["command"], envelope["error"]["code"]) == ("ledger", "not_found")


@pytest.mark.parametrize("words", [(), ("-",)], ids=["", "-"])
def test_an_export_to_stdout_is_json_lines_and_nothing_else(words: tuple[str, ...]) -> None:
    ledger.record([measurement(2), measurement(1)])

    result = run("export", *words)

    assert result.exit_code == 0
    assert result.stdout == lines(1, 2)
    assert not result.stderr


def test_an_export_in_json_is_the_envelope_around_the_measurements() -> None:
    ledger.record([measurement(1)])

    data = json.loads(run("export", "--json").stdout)["data"]

    assert data["measurements"] == [exchange.exported(measurement(1))]
    assert data["written_to"] is None


def test_an_export_of_nothing_says_so_beside_stdout() -> None:
    result = run("export")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "mlxkit eval tiny" in result.stderr
    assert not run("export", "--quiet").output


def test_an_export_to_a_file_says_what_it_wrote(tmp_path: Path) -> None:
    ledger.record([measurement(1)])
    file = tmp_path / "out.jsonl"

    result = run("export", str(file))

    assert result.exit_code == 0
    assert file.read_text() == lines(1)
    assert str(file) in result.stdout
    refused = run("export", str(file))
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert run("export", str(file), "--kind", "task", "--force").exit_code == 0
    assert file.read_text() == ""


def test_an_import_takes_stdin() -> None:
    result = run("import", "-", given=lines(1, 2).encode())

    assert result.exit_code == 0
    assert result.stdout.split("\n")[:3] == ["Imported", "  New            2", "  Already there  0"]
    assert ledger.find() == (measurement(1), measurement(2))


def test_an_import_of_a_changed_line_writes_nothing(path: Path) -> None:
    given = lines(1, 2).replace("0.0329", "0.0229", 1).encode()

    result = run("import", "-", given=given)

    assert result.exit_code == 6
    assert result.stderr.startswith("Error: stdin, line 1: The content was changed")
    assert not path.exists()
    envelope = json.loads(run("import", "-", "--json", given=given).stdout)
    assert (envelope["command"], envelope["error"]["code"]) == ("ledger", "integrity")


def test_an_import_needs_a_file() -> None:
    assert run("import").exit_code == 2


def test_a_dry_run_writes_nothing(path: Path) -> None:
    result = run("import", "-", "--dry-run", given=lines(1).encode())

    assert "would be imported" in result.stdout
    assert not path.exists()


@pytest.mark.parametrize("words", [["list"], ["show", "ab"], ["export"], ["export", "--json"]], ids=" ".join)
def test_a_ledger_that_is_none_is_one_sentence(path: Path, words: list[str]) -> None:
    path.write_text("notes " * 1000)

    result = run(*words)

    assert result.exit_code == 6
    if "--json" not in words:
        assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["Error", "Hint"]
    assert "not a sound ledger" in result.output


def test_a_shell_completes_commands_and_ids() -> None:
    ledger.record([measurement(1), measurement(2)])
    first = measurement(1).id

    def completed(words: str, count: int) -> list[str]:
        done = CliRunner().invoke(
            cli,
            [],
            prog_name="mlxkit",
            env={"_MLXKIT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)},
        )
        return done.stdout.splitlines()

    assert completed("mlxkit ledger ex", 2) == ["plain,export"]
    assert completed(f"mlxkit ledger show {first[:4]}", 3) == [f"plain,{first[:12]}"]
    assert len(completed("mlxkit ledger show ", 3)) == 2
