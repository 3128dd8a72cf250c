"""`mlxkit publish` as it is typed, to a test Hub: there and back, and killed on the way."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlxkit.core.schemes import parse
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.program import Program
from tests.hub import Generated, TestHub, serve

REPO = "alice/tiny-4bit"


@pytest.fixture
def server() -> Iterator[TestHub]:
    with serve() as listening:
        yield listening


@pytest.fixture
def program(server: TestHub, tmp_path: Path) -> Program:
    return Program(server, tmp_path / "home")


@pytest.fixture
def folder(program: Program) -> Path:
    made = program.home / "made"
    quantize(QuantizePlan("tiny", made, schemes=(parse("4bit"),), encoder="minmax"))
    return made


def test_there_and_back_it_is_the_same_and_clean(program, server, folder):
    shown = program("publish", "made", REPO, "--dry-run", HF_TOKEN="hf_good")
    assert (shown.returncode, server.repos) == (0, {})
    for words in ("# tiny-4bit", "not measured", "what would be done", "model.safetensors"):
        assert words in shown.stdout
    done = program("publish", "made", REPO, "--yes", "--json", HF_TOKEN="hf_good")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)["data"]
    assert data["commit"] == server.repos[REPO].head
    assert data["is_private"]
    back = program("fetch", REPO, "--to", "back", HF_TOKEN="hf_good")
    assert back.returncode == 0, back.stderr
    for path in folder.iterdir():
        if path.name != "mlxkit.json":
            assert (program.home / "back" / path.name).read_bytes() == path.read_bytes()
    checked = program("check", REPO, "--json", HF_TOKEN="hf_good")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout)["data"]["findings"] == []
    listed = program("ledger", "list", "--kind", "publication")
    assert data["commit"][:12] in listed.stdout


def test_what_the_check_refuses_is_not_published(program, server, folder):
    (folder / ".env").write_text("A=1")
    done = program("publish", "made", REPO, "--yes", HF_TOKEN="hf_good")
    assert done.returncode == 5
    assert "secrets.env_file" in done.stdout
    assert server.repos == {}


def test_nobody_here_to_ask_is_one_sentence(program, server, folder):
    done = program("publish", "made", REPO, HF_TOKEN="hf_good")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert "--yes" in done.stderr
    assert server.repos == {}


def test_killed_on_the_way_the_same_command_completes_it(program, server, folder):
    for number in range(3):
        large = Generated(8_000_000, seed=number)
        (folder / f"part-{number}.bin.data").write_bytes(large.read(0, large.size))
    server.faults.add("part-1*", "stall", method="PUT", at=4_000_000, seconds=60)
    words = program.command("publish", "made", REPO, "--yes", "-q")
    environment = program.environment(HF_TOKEN="hf_good")
    with subprocess.Popen(words, env=environment, cwd=program.home, stdout=subprocess.PIPE) as process:
        while server.bytes_received("part-1*") < 4_000_000 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not [path for path in server.repos[REPO].at("main").files if path.endswith(".safetensors")]
    server.faults.clear()
    done = program("publish", "made", REPO, "--yes", HF_TOKEN="hf_good")
    assert done.returncode == 0, done.stderr
    files = server.repos[REPO].at("main").files
    for path in folder.iterdir():
        if path.name != "mlxkit.json":
            assert b"".join(files[path.name].pieces()) == path.read_bytes()
    again = [path for path, times in server.times_sent("*").items() if times > 1]
    assert len(again) <= 1
