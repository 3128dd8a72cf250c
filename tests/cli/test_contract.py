"""What every command keeps: help with an example, statuses, streams, the envelope, completion, no color unasked."""

import json
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from mlxkit.cli.app import Program, cli
from mlxkit.cli.commands import COMMANDS
from mlxkit.cli.groups import leaves
from mlxkit.core import errors
from mlxkit.core.errors import MlxkitError

STATUSES = {
    "MlxkitError": 1,
    "PlanError": 2,
    "NotFoundError": 1,
    "CheckpointError": 1,
    "RemoteCodeError": 1,
    "UnknownArchitectureError": 1,
    "HubError": 3,
    "DoesNotFitError": 4,
    "GateError": 5,
    "IntegrityError": 6,
    "StoppedError": 130,
}


def tree(root: type[MlxkitError] = MlxkitError) -> Iterator[type[MlxkitError]]:
    yield root
    for kind in root.__subclasses__():
        yield from tree(kind)


KINDS = list(tree())
LEAVES = dict(leaves(COMMANDS))
TYPED = list(dict.fromkeys((*COMMANDS, *LEAVES)))
"""What can be typed: every command that does something, and the groups of such commands."""


def failing(error: BaseException) -> Program:
    """A program whose one command raises."""

    @click.command()
    @click.option("--json", is_flag=True)
    def inspect(json: bool) -> None:
        raise error

    return Program(commands={"inspect": inspect})


def invoke(*words: str, program: click.Group = cli, **environment: str) -> Result:
    return CliRunner().invoke(program, words, prog_name="mlxkit", env=environment)


def examples(name: str) -> list[str]:
    lines = (line.strip() for line in invoke(*name.split(), "--help").stdout.splitlines())
    return [line for line in lines if line.startswith(f"mlxkit {name}")]


@pytest.mark.parametrize("name", TYPED)
def test_help_ends_well_and_shows_a_command_to_type(name: str) -> None:
    result = invoke(*name.split(), "--help")

    assert result.exit_code == 0
    assert not result.stderr
    assert "\\b" not in result.stdout
    assert examples(name)


@pytest.mark.parametrize("line", dict.fromkeys(line for name in TYPED for line in examples(name)))
def test_an_example_in_help_is_a_command_line_that_parses(line: str) -> None:
    words = shlex.split(line.partition("|")[0], comments=True)[1:]
    (name,) = (name for name in LEAVES if words[: len(name.split())] == name.split())

    LEAVES[name].make_context(name, words[len(name.split()) :])


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_can_answer_in_json_and_be_quiet(name: str) -> None:
    flags = {flag for parameter in LEAVES[name].params for flag in parameter.opts}

    assert {"--format", "--json", "--quiet", "-q"} <= flags


@pytest.mark.parametrize("name", TYPED)
def test_an_unknown_option_is_a_usage_error(name: str) -> None:
    result = invoke(*name.split(), "--no-such-option")

    assert result.exit_code == 2
    assert not result.stdout
    assert result.stderr.startswith("Error: ")
    assert result.stderr.splitlines()[-1] == f"Hint: mlxkit {name} --help"


@pytest.mark.parametrize("asking", [["--json"], ["--format", "json"], ["--format=json"]], ids=" ".join)
@pytest.mark.parametrize("name", TYPED)
def test_a_usage_error_in_json_is_an_envelope_on_stdout(name: str, asking: list[str]) -> None:
    result = invoke(*name.split(), *asking, "--no-such-option")

    assert result.exit_code == 2
    assert not result.stderr
    check_error(json.loads(result.stdout), name.partition(" ")[0], "usage")


def check_error(envelope: dict[str, Any], command: str | None, code: str) -> None:
    assert list(envelope) == ["schema", "command", "status", "data", "error"]
    assert envelope["schema"] == "mlxkit/1"
    assert (envelope["command"], envelope["status"], envelope["data"]) == (command, "error", None)
    assert list(envelope["error"]) == ["code", "message", "hint"]
    assert envelope["error"]["code"] == code
    assert envelope["error"]["message"].endswith(".")


def test_an_unknown_command_is_a_usage_error() -> None:
    assert invoke("no-such-command").exit_code == 2
    check_error(json.loads(invoke("no-such-command", "--json").stdout), None, "usage")


def test_no_command_shows_the_help() -> None:
    result = invoke()

    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


def test_the_error_tree_has_the_documented_statuses() -> None:
    assert {kind.__name__: kind.exit_status for kind in KINDS} == STATUSES
    assert len({kind.code for kind in KINDS}) == len(STATUSES)


@pytest.mark.parametrize("name", STATUSES)
def test_the_drawn_tree_tells_the_status_of_each_error(name: str) -> None:
    lines = [line for line in (errors.__doc__ or "").splitlines() if name in line.replace("+--", "").split()]

    assert [int(line.replace("+--", "").replace("|", "").split()[1]) for line in lines] == [STATUSES[name]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_is_a_sentence_and_a_hint_on_stderr(kind: type[MlxkitError]) -> None:
    result = invoke("inspect", program=failing(kind("It is broken.", hint="mend it")))

    assert result.exit_code == STATUSES[kind.__name__]
    assert not result.stdout
    assert result.stderr == "Error: It is broken.\nHint: mend it\n"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_in_json_is_an_envelope(kind: type[MlxkitError]) -> None:
    result = invoke("inspect", "--json", program=failing(kind("It is broken.")))

    assert result.exit_code == STATUSES[kind.__name__]
    assert not result.stderr
    check_error(json.loads(result.stdout), "inspect", kind.code)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()], ids=repr)
def test_an_interruption_has_its_own_status(error: BaseException) -> None:
    result = invoke("inspect", program=failing(error))

    assert result.exit_code == 130
    assert result.stderr.strip() == "Error: Interrupted."
    check_error(json.loads(invoke("inspect", "--json", program=failing(error)).stdout), "inspect", "interrupted")


def test_a_bug_keeps_its_traceback() -> None:
    result = invoke("inspect", program=failing(ZeroDivisionError("a bug")))

    assert isinstance(result.exception, ZeroDivisionError)


def mlxkit(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlxkit", *words],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_traceback_is_shown_when_asked_for() -> None:
    done = mlxkit("inspect", "/no/such/folder", MLXKIT_DEBUG="1")

    assert done.returncode == errors.NotFoundError.exit_status
    assert done.stderr.startswith("Error: There is no folder")
    assert "Traceback (most recent call last)" in done.stderr
    assert "Traceback" not in mlxkit("inspect", "/no/such/folder").stderr


def test_closed_streams_do_not_hurt(source: Path) -> None:
    for redirection in ("<&-", "2>&-", "<&- 2>&-"):
        line = f"{shlex.quote(sys.executable)} -m mlxkit inspect {shlex.quote(str(source))} --json {redirection}"
        done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["status"] == "ok"


def test_a_reader_that_has_enough_ends_it_quietly(source: Path) -> None:
    line = f"{shlex.quote(sys.executable)} -m mlxkit inspect {shlex.quote(str(source))} | true"
    done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)

    assert not done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_each_shell(shell: str) -> None:
    result = invoke(_MLXKIT_COMPLETE=f"{shell}_source")

    assert result.exit_code == 0
    assert f"_MLXKIT_COMPLETE={shell}_complete" in result.stdout


def test_completion_knows_the_commands() -> None:
    result = invoke(_MLXKIT_COMPLETE="bash_complete", COMP_WORDS="mlxkit in", COMP_CWORD="1")

    assert result.stdout.splitlines() == ["plain,inspect"]


def on_terminal(*words: str, **environment: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlxkit", *words],
        env={**inherited, "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    read = bytearray()
    try:
        while chunk := os.read(ours, 4096):
            read += chunk
    except OSError:
        pass  # Linux ends a terminal without readers with an error
    finally:
        os.close(ours)
        process.wait()
    return read.decode()


def test_color_is_for_terminals_and_no_color_is_honoured(source: Path) -> None:
    words = ("inspect", str(source))

    assert "\x1b[" in on_terminal(*words)
    assert "\x1b[" not in on_terminal(*words, NO_COLOR="1")
    assert "\x1b[" not in mlxkit(*words, FORCE_COLOR="1").stdout


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_result_is_all_that_stdout_carries(source: Path, form: str) -> None:
    result = invoke("inspect", str(source), "--format", form)

    assert result.exit_code == 0
    assert not result.stderr
    if form == "json":
        envelope = json.loads(result.stdout)
        assert list(envelope) == ["schema", "command", "status", "data", "error"]
        assert (envelope["command"], envelope["status"], envelope["error"]) == ("inspect", "ok", None)


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_result_that_fails_is_shown_all_the_same(source: Path, form: str) -> None:
    (source / "tokenizer.json").unlink()

    result = invoke("inspect", str(source), "--format", form)

    assert result.exit_code == 1
    assert "qwen3" in result.stdout
    if form == "json":
        envelope = json.loads(result.stdout)
        assert (envelope["status"], envelope["error"]["code"]) == ("error", "checkpoint")
        assert envelope["data"]["architecture"] == "qwen3"
        assert not result.stderr
    else:
        assert result.stderr.startswith("Error: There is no tokenizer")
