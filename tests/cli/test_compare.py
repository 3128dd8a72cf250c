"""`mlxkit compare` as it is typed: what is printed where, and with which status."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.core import exchange
from mlxkit.core.measurement import Subject
from mlxkit.engines import ledger
from tests.fakes.measurements import measurement

ONE, OTHER = (Subject(digit * 64, name) for digit, name in (("a", "four"), ("b", "three")))
RIGHT = {name: {"right": [number >= wrong for number in range(10)]} for name, wrong in (("four", 0), ("three", 7))}


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLXKIT_LEDGER", str(tmp_path / "ledger.sqlite3"))
    ledger.record(_task(subject) for subject in (ONE, OTHER))


def _task(subject: Subject, **changes: object):
    said = {"workload": {"task": "tiny", "digest": "c" * 64}, "raw": RIGHT[subject.name], "summary": {}}
    return measurement(kind="task", subject=subject, **(said | changes))


def run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["compare", *words], input=given, prog_name="mlxkit")


def test_text_has_both_sides_and_the_verdict() -> None:
    result = run("four", "three")

    assert (result.exit_code, result.stderr) == (0, "")
    for words in ("four and three, compared", "aaaaaaaaaaaa", "only A", "B answers fewer"):
        assert words in result.stdout


def test_markdown_has_the_same_table() -> None:
    assert (
        "| tiny | 10 | 100.0 % | 30.0 % | 7 | 0 | 0.01562 | B answers fewer |"
        in run("four", "three", "--format", "markdown").stdout
    )


def test_json_has_all_of_it() -> None:
    envelope = json.loads(run("four", "three", "--json").stdout)

    assert (envelope["command"], envelope["status"]) == ("compare", "ok")
    assert list(envelope["data"]) == ["one", "other", "pairs", "allowed", "warnings", "notes"]
    (pair,) = envelope["data"]["pairs"]
    assert pair["figures"][0]["flips"] == {"lost": 7, "gained": 0, "p_value": 0.015625}
    assert (pair["one"], pair["differences"]) == (ledger.find(subject="four")[0].id, {})


def test_unlike_measurements_are_refused_until_that_is_allowed() -> None:
    ledger.record([_task(OTHER, versions={"mlx": "0.40.0", "mlxkit": "0.2.0"}, taken_at=1_800_000_000.0)])

    refused = run("four", "three")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == (
        "Error: They were not measured alike: versions.mlx is 0.32.4 and 0.40.0.\n"
        "Hint: measure them alike, or accept it: --allow versions.mlx\n"
    )

    allowed = run("four", "three", "--allow", "versions.mlx")
    assert allowed.exit_code == 0
    assert "Warning: Not measured alike, as was allowed: versions.mlx is 0.32.4 and 0.40.0." in allowed.stdout
    envelope = json.loads(run("four", "three", "--allow", "workload", "--allow", "versions", "--json").stdout)
    assert envelope["data"]["allowed"] == {"versions.mlx": ["0.32.4", "0.40.0"]}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("four", "none"), 1, "No measurement of 'none' is recorded."),
        (("four", "three", "--kind", "memory"), 1, "No memory measurement of 'four' is recorded."),
        (("four", "four"), 2, "'four' and 'four' are the same measurements."),
        (("four", "three", "--allow", "raw"), 2, "There is no field 'raw' to allow"),
        (("four", "none.jsonl"), 1, "'none.jsonl' cannot be read: No such file or directory."),
        (("four",), 2, "Missing argument 'B'."),
    ],
)
def test_an_error_is_a_sentence_with_a_hint(words: tuple[str, ...], status: int, said: str) -> None:
    result = run(*words)

    assert (result.exit_code, result.stdout) == (status, "")
    first, second = result.stderr.splitlines()
    assert first.startswith(f"Error: {said}")
    assert second.startswith("Hint: ")


def test_stdin_is_a_side() -> None:
    lines = "".join(f"{exchange.line(one)}\n" for one in ledger.find(subject="three"))

    assert "B answers fewer" in run("four", "-", given=lines).stdout
    assert "B answers more" in run("-", "four", given=lines).stdout
    assert "There is no measurement in stdin." in run("-", "four", given="").stderr
