import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.cli.answers import answer_once, on_stdout
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.usecases.run import Conversation, RunPlan
from tests.fakes.chat_model import write_chat_model
from tests.fakes.speaker import Clock, FakeSpeaker
from tests.fakes.terminal import Terminal

PROGRAM = [sys.executable, "-m", "mlxkit"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_chat_model(tmp_path_factory.mktemp("run") / "chat"))


def run(*words: str, stdin: str | bytes = "", **env: str) -> Result:
    return CliRunner().invoke(cli, ["run", *words], input=stdin, env=env)


def say(model: str, *words: str, **env: str) -> Result:
    """Ask for five tokens."""
    return run(model, *words, "--max-tokens", "5", **env)


def test_the_answer_is_on_stdout_and_all_else_on_stderr(model):
    done = subprocess.run(
        [*PROGRAM, "run", model, "hello", "--max-tokens", "5"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert len(done.stdout) == 6
    assert done.stdout.endswith("\n")
    assert len(done.stderr.splitlines()) == 1
    for figure in ("24 prompt tokens, ", "5 generated, ", "tok/s", "first after", "peak ", "--max-tokens 5"):
        assert figure in done.stderr
    assert say(model, "hello", "-q").stderr == ""
    assert say(model, "hello", "-q").stdout == done.stdout


def test_json_is_one_envelope_with_everything(model):
    done = say(model, "hello", "--json", "--temperature", "0.5", "--top-k", "9", "--seed", "3", "--stop", "zzz")
    envelope = json.loads(done.stdout)
    assert (envelope["schema"], envelope["command"], envelope["status"]) == ("mlxkit/1", "run", "ok")
    data = envelope["data"]
    assert {key: data[key] for key in ("model", "prompt", "system", "max_tokens", "stop", "seed", "notes")} == {
        "model": model,
        "prompt": "hello",
        "system": None,
        "max_tokens": 5,
        "stop": ["zzz"],
        "seed": 3,
        "notes": [],
    }
    assert (data["finish_reason"], data["prompt_tokens"], data["generation_tokens"]) == ("length", 24, 5)
    assert data["sampling"] == {
        "temperature": 0.5,
        "top_p": 1.0,
        "top_k": 9,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
    assert len(data["text"]) == 5
    assert all(data[key] > 0 for key in ("prompt_tps", "generation_tps", "ttft_seconds", "peak_memory_bytes"))
    assert json.loads(run(model, "hello", "--json", "--max-tokens", "1").stdout)["data"]["generation_tps"] is None


def test_markdown_holds_the_answer(model):
    text = say(model, "hello", "-q").stdout.strip()
    assert f"| Answer | {text} |" in say(model, "hello", "--format", "markdown").stdout


@pytest.mark.parametrize("words", [["-"], []])
def test_a_pipe_is_the_prompt(model, words):
    piped = run(model, *words, "--json", "--max-tokens", "5", stdin="a\nb\n")
    assert json.loads(piped.stdout)["data"]["prompt"] == "a\nb"


def test_the_model_may_come_from_the_environment(model):
    done = run("--max-tokens", "5", stdin="hello", MLXKIT_MODEL=model)
    assert done.exit_code == 0
    assert done.stderr.startswith(f"Model: {model}, from MLXKIT_MODEL.")
    assert "mlxkit run MODEL" in done.stderr
    assert say(model, "hello", "-q").stdout == done.stdout


def test_without_a_model_it_is_tiny_and_says_so():
    done = run(stdin="", MLXKIT_MODEL="")
    assert done.exit_code == 2
    assert "Hint: mlxkit run" in done.stderr
    assert run(stdin="hello", MLXKIT_MODEL="").stderr.startswith("Model: tiny, which ships with mlxkit.")


def test_the_system_prompt_and_the_template_reach_the_model(model):
    plain = json.loads(say(model, "hello", "--json").stdout)["data"]
    system = json.loads(say(model, "hello", "--system", "be brief", "--json").stdout)["data"]
    raw = json.loads(say(model, "hello", "--raw", "--json").stdout)["data"]
    assert (raw["prompt_tokens"], plain["prompt_tokens"], system["prompt_tokens"]) == (5, 24, 42)
    assert len({raw["text"], plain["text"], system["text"]}) > 1


def test_a_stop_string_is_not_printed(model):
    text = say(model, "hello", "-q").stdout.strip()
    assert say(model, "hello", "-q", "--stop", text[2:4], "--stop", "zzz").stdout.strip() == text[:2]


@pytest.mark.parametrize(
    ("words", "stdin", "status", "said"),
    [
        (["hello", "--temperature", "-1"], "", 2, "temperature"),
        (["hello", "--max-tokens", "0"], "", 2, "max-tokens"),
        (["hello", "--top-p", "0"], "", 2, "top-p"),
        (["hello", "more"], "", 2, "unexpected extra argument"),
        ([""], "", 2, "The prompt is empty"),
        (["-"], "\n", 2, "The prompt is empty"),
        ([], "", 2, "The prompt is empty"),
        (["-"], b"\xff\xfe", 2, "not UTF-8"),
        (["hello", "--raw", "--system", "x"], "", 2, "--system"),
        (["hello", "--stop", ""], "", 2, "stop string"),
    ],
)
def test_what_cannot_be_asked_is_told(model, words, stdin, status, said):
    done = run(model, *words, stdin=stdin)
    assert (done.exit_code, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Hint: " in done.stderr


def test_a_checkpoint_that_cannot_chat_is_told_what_to_do(tmp_path):
    folder = str(write_chat_model(tmp_path / "base", template=None))
    done = run(folder, "hello", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "checkpoint"
    assert "--raw" in json.loads(done.stdout)["error"]["hint"]
    assert say(folder, "hello", "--raw").exit_code == 0


def test_a_template_that_refuses_is_one_sentence_and_a_hint(tmp_path):
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}hello"
    folder = str(write_chat_model(tmp_path / "strict", template=template))
    done = run(folder, "hello", "--system", "be brief")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"Error: The chat template of {folder!r} fails: no system role.",
        "Hint: leave the system prompt out, or use --raw",
    ]


def test_a_closed_pipe_ends_it_quietly(model):
    with subprocess.Popen(
        [*PROGRAM, "run", model, "hello", "--max-tokens", "50000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout.read(1)
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait(20) != 0


def test_a_closed_stdout_is_nobody_listening(model):
    words = [*PROGRAM, "run", model, "hello", "--max-tokens", "5"]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_keeps_what_was_said(model):
    words = ["run", model, "hello", "--max-tokens", "50000"]
    with subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        first = program.stdout.read(1)
        os.kill(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=20)
        assert (first + out).endswith("\n")
        assert "interrupted" in err.splitlines()[0]
        assert err.splitlines()[1:] == ["Error: Interrupted."]
        assert program.returncode == 130


def test_an_interrupted_answer_is_an_envelope_with_what_was_said():
    clock = Clock()
    speaker = FakeSpeaker(["a", KeyboardInterrupt()], clock=clock)
    checkpoint = Checkpoint("fake", Path("fake"), {"model_type": "fake"}, {})

    @click.command()
    def ask():
        answer_once(Conversation(RunPlan("fake"), checkpoint, speaker, clock), "hello", "json", quiet=False)

    done = CliRunner().invoke(ask)
    envelope = json.loads(done.stdout)
    assert done.exit_code == 130
    assert (envelope["status"], envelope["error"]["code"]) == ("error", "interrupted")
    assert (envelope["data"]["text"], envelope["data"]["finish_reason"]) == ("a", "interrupted")


def test_a_chat_wants_a_terminal(model):
    with Terminal(["run", model, "--json"]) as terminal:
        assert terminal.ended() == 2
        assert '"usage"' in terminal.text


def test_whatever_a_library_prints_goes_to_stderr(capsys):
    with on_stdout() as write:
        sys.stdout.write("[WARNING] from a library\n")
        write("answer")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("answer", "[WARNING] from a library\n")
