"""Models from the Hub, as users have them: the real program, the real client, a Hub on the loopback."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.checkpoints import files_of, write_checkpoint
from tests.fakes.fetching import repo
from tests.fakes.program import Program, claim_size
from tests.fakes.terminal import Terminal
from tests.hub import TestHub, serve

NAME = "owner/name"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return files_of(write_checkpoint(tmp_path_factory.mktemp("published") / "checkpoint", shards=2))


@pytest.fixture(scope="module")
def shared(files: dict[str, Path]) -> Iterator[TestHub]:
    """A Hub that no test breaks."""
    with serve() as hub:
        hub.add(NAME, files, tags=["v1"])
        hub.add("mlx-community/small", files)
        hub.add("owner/gated", repo(1000), gated=True)
        hub.add("alice/private", repo(1000), private=True)
        hub.add("owner/twins", {"config.json": b"{}", "pytorch_model.bin": b"123", "model.gguf": b"GGUF"})
        hub.add("owner/huge", repo(1000))
        claim_size(hub, "owner/huge", WEIGHTS, 10**16)
        hub.add("owner/large", repo(1000))
        claim_size(hub, "owner/large", WEIGHTS, 21 * 10**9)
        yield hub


@pytest.fixture
def program(shared: TestHub, tmp_path: Path) -> Program:
    """A user with an empty home."""
    return Program(shared, tmp_path / "home")


@pytest.fixture(scope="module")
def fetched(shared: TestHub, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A user who has fetched the model."""
    program = Program(shared, tmp_path_factory.mktemp("fetched"))
    done = program("fetch", NAME)
    assert done.returncode == 0, done.stderr
    return program


def data_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data


def test_a_dry_run_lists_files_and_touches_nothing(program: Program) -> None:
    done = program("fetch", "small", "--dry-run")

    assert done.returncode == 0
    assert "model-00001-of-00002.safetensors" in done.stdout
    assert "'small' was taken for mlx-community/small" in done.stdout
    assert not done.stderr
    assert not list(program.home.iterdir())


def test_json_tells_every_file(program: Program, files: dict[str, Path]) -> None:
    data = data_of(program("fetch", f"{NAME}@v1", "--json"))

    assert {file["path"]: file["size_bytes"] for file in data["files"]} == {
        path: file.stat().st_size for path, file in files.items()
    }
    assert data["fetched_bytes"] == data["total_bytes"]
    assert data["commit"] == program.hub.repos[NAME].head
    assert Path(data["folder"]).is_relative_to(program.cache)
    assert all(file["is_checked"] and (file["sha256"] or file["git_sha1"]) for file in data["files"])


ERRORS: dict[str, tuple[list[str], dict[str, str], int, str, str]] = {
    "gated, not signed in": (["owner/gated"], {}, 3, "is gated: you are not signed in", "/owner/gated, then"),
    "gated, not accepted": (["owner/gated"], {"HF_TOKEN": "hf_other"}, 3, "license is not accepted", "/owner/gated"),
    "private, not signed in": (["alice/private"], {}, 3, "no public repo 'alice/private'", "hf auth login"),
    "private, no access": (["alice/private"], {"HF_TOKEN": "hf_other"}, 3, "this token may see", "hf auth login"),
    "no such repo": (["owner/nothing"], {}, 3, "no public repo 'owner/nothing'", "check the name"),
    "no such revision": ([f"{NAME}@v9"], {}, 3, "has no revision 'v9'", f"/{NAME}/tree/main"),
    "no safetensors": (["owner/twins"], {}, 3, "there is model.gguf, pytorch_model.bin", "mlx-community"),
    "no network": ([NAME], {"HF_ENDPOINT": "http://127.0.0.1:9"}, 3, "cannot be reached", "mlxkit list"),
    "no room": (["owner/huge", "--yes"], {}, 4, "of free disk", "mlxkit rm"),
    "much, and nobody to ask": (["owner/large"], {}, 2, "nobody is here to be asked", "mlxkit fetch owner/large --yes"),
    "offline": ([NAME, "--offline"], {}, 3, "offline nothing is fetched", "leave out --offline"),
    "offline by the environment": ([NAME], {"HF_HUB_OFFLINE": "1"}, 3, "offline nothing is fetched", "HF_HUB_OFFLINE"),
    "a path": (["./owner/name"], {}, 1, "no folder './owner/name'", "mlxkit"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_what_goes_wrong_is_one_sentence_and_a_hint(program: Program, case: str) -> None:
    words, environment, status, said, hint = ERRORS[case]

    done = program("fetch", *words, **environment)

    assert done.returncode == status
    assert not done.stdout
    error, hinted = done.stderr.splitlines()
    assert error.startswith("Error: ")
    assert said in error
    assert hinted.startswith("Hint: ")
    assert hint in hinted
    assert not program.cache.exists() or not list(program.cache.rglob("snapshots/*/*.safetensors"))


def test_an_error_in_json_is_an_envelope(program: Program) -> None:
    done = program("fetch", "owner/gated", "--json")

    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "hub"
    assert not done.stderr


def test_a_cache_that_cannot_be_written_is_told(program: Program) -> None:
    program.cache.parent.mkdir()
    program.cache.write_text("a file where a folder should be")

    done = program("fetch", NAME)

    assert done.returncode == 3
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_is_no_folder_is_told(program: Program) -> None:
    (program.home / "taken").write_text("a file where a folder should be")

    done = program("fetch", NAME, HF_HOME=str(program.home / "taken"))

    assert done.returncode == 3
    assert done.stderr.startswith("Error: ")
    assert "Hint: check HF_HOME" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "environment"), [("alice/private", {}), (NAME, {"HF_ENDPOINT": "http://127.0.0.1:9"})]
)
def test_a_token_is_never_shown(program: Program, name: str, environment: dict[str, str]) -> None:
    done = program("fetch", name, HF_TOKEN="hf_secretsecret", MLXKIT_DEBUG="1", HF_DEBUG="1", **environment)

    assert done.returncode == 3
    assert "Traceback" in done.stderr
    assert "hf_secret" not in done.stdout + done.stderr


def test_who_may_read_a_private_repo_fetches_it(program: Program) -> None:
    assert program("fetch", "alice/private", HF_TOKEN="hf_good").returncode == 0
    assert not program.hub.leaked


def test_a_file_that_stays_wrong_is_told_and_not_kept(tmp_path: Path) -> None:
    with serve() as hub:
        hub.add(NAME, repo(100_000))
        hub.faults.add(WEIGHTS, "corrupt", at=5_000, times=None)
        program = Program(hub, tmp_path / "home")

        done = program("fetch", NAME)

    assert done.returncode == 6
    assert f"'{WEIGHTS}' of '{NAME}' is wrong, twice" in done.stderr
    assert not [path for path in program.cache.rglob("*") if path.is_file() and path.stat().st_size > 50_000]


def test_an_interruption_is_at_once_and_the_next_run_continues(tmp_path: Path) -> None:
    size = 6_000_000
    with serve() as hub:
        hub.add(NAME, repo(size))
        slow = hub.faults.add(WEIGHTS, "slow", rate=2_000_000)
        program = Program(hub, tmp_path / "home")
        process = subprocess.Popen(
            program.command("fetch", NAME), env=program.environment(), stderr=subprocess.PIPE, text=True
        )
        while hub.bytes_sent(WEIGHTS) < 2_500_000:
            time.sleep(0.02)
            assert process.poll() is None
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        seconds = time.monotonic() - begin

        data = data_of(program("fetch", NAME, "--json"))

    assert slow.fired == 1
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Error: Interrupted."
    assert seconds < 2
    assert data["reused_bytes"] >= 1_000_000
    assert data["fetched_bytes"] + data["reused_bytes"] == data["total_bytes"]


def test_on_a_terminal_progress_is_shown_and_much_is_asked_for(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in program.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    with Terminal(["fetch", "owner/large"]) as terminal:
        terminal.expect("Fetch 21 GB of owner/large? [y/N]:")
        terminal.type("n\n")
        assert terminal.ended() == 130
    with Terminal(["fetch", NAME]) as terminal:
        terminal.expect(f"fetching {NAME}")
        terminal.expect("Digests")
        assert terminal.ended() == 0


# What is here already: no request, no socket.


@pytest.mark.parametrize(
    "words",
    [
        ["run", NAME, "hello", "--max-tokens", "2"],
        ["inspect", NAME],
        ["convert", NAME, "converted", "--force"],
        ["quantize", f"{NAME}@main", "quantized", "--scheme", "4bit", "--force"],
        ["fetch", NAME, "--to", "plain", "--force"],
        ["list"],
        ["show", NAME],
        ["rm", NAME, "--dry-run"],
        ["run", NAME, "hello", "--max-tokens", "2", "--offline"],
        ["fetch", NAME, "--verify", "--offline"],
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
def test_what_is_here_is_used_without_the_network(fetched: Program, words: list[str]) -> None:
    asked = len(fetched.hub.requests)

    done = fetched(*words, sockets=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert len(fetched.hub.requests) == asked


def test_a_test_without_sockets_has_none(fetched: Program) -> None:
    assert "a socket was used" in fetched("fetch", NAME, "--refresh", sockets=False).stderr


def test_offline_is_absolute_for_what_is_not_here(fetched: Program) -> None:
    for words in (["run", "small", "hello"], ["inspect", "small"], ["convert", "small", "out"]):
        done = fetched(*words, "--offline", sockets=False)

        assert done.returncode == 3
        assert "offline nothing is fetched" in done.stderr


def test_other_tools_see_it(fetched: Program) -> None:
    tools = Path(sys.executable).parent
    listed = fetched.run([str(tools / "hf"), "cache", "ls"], HF_HUB_OFFLINE="1")
    verified = fetched.run([str(tools / "hf"), "cache", "verify", NAME])
    answered = fetched.run(
        [str(tools / "mlx_lm.generate"), "--model", NAME, "--prompt", "hello", "--max-tokens", "2"], HF_HUB_OFFLINE="1"
    )

    assert NAME in listed.stdout
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert answered.returncode == 0, answered.stderr
    assert "Generation: 2 tokens" in answered.stdout


# What is not here is fetched by whoever needs it.


def test_run_fetches_what_it_needs_and_says_what_a_name_was_taken_for(program: Program) -> None:
    done = program("run", "small", "hello", "--max-tokens", "2")

    assert done.returncode == 0, done.stderr
    assert "Note: 'small' was taken for mlx-community/small on the Hub." in done.stderr
    assert "'small'" not in done.stdout
    assert list(program.cache.glob("models--mlx-community--small/snapshots/*/*.safetensors"))


@pytest.mark.parametrize("words", [["convert"], ["quantize", "--scheme", "4bit"]], ids=lambda words: words[0])
def test_what_is_made_from_a_repo_says_from_which_commit(program: Program, words: list[str]) -> None:
    done = program(*words, NAME, "made", "--revision", "v1")

    assert done.returncode == 0, done.stderr
    source = json.loads((program.home / "made/mlxkit.json").read_text())["source"]
    commit = program.hub.repos[NAME].head
    assert source == {"name": NAME, "repo": NAME, "commit": commit, "license": "mit", "tokenizer": None}


def test_nothing_is_fetched_for_a_destination_that_exists(program: Program) -> None:
    (program.home / "made").mkdir()

    assert program("convert", NAME, "made").returncode == 2
    assert not program.cache.exists()


def test_inspect_reads_headers_of_a_remote_model(program: Program, files: dict[str, Path]) -> None:
    sent = program.hub.bytes_sent("*.safetensors")

    remote = data_of(program("inspect", NAME, "--json"))

    assert remote["folder"] is None
    assert (remote["repo"], remote["commit"]) == (NAME, program.hub.repos[NAME].head)
    assert remote["parameters"] > 0
    assert not program.cache.exists()
    assert program.hub.bytes_sent("*.safetensors") - sent <= 2 * 100_000
    folder = program.home / "local"
    shutil.copytree(next(iter(files.values())).parent, folder)
    local = data_of(program("inspect", "local", "--json"))
    own = ("model", "repo", "commit", "folder")
    assert {key: value for key, value in local.items() if key not in own} == {
        key: value for key, value in remote.items() if key not in own
    }


def test_a_folder_has_the_right_of_way(program: Program, files: dict[str, Path]) -> None:
    shutil.copytree(next(iter(files.values())).parent, program.home / NAME)

    assert data_of(program("inspect", NAME, "--json", sockets=False))["repo"] is None


def test_removing_frees_what_it_says(program: Program) -> None:
    assert program("fetch", NAME).returncode == 0
    refused = program("rm", NAME)
    said = data_of(program("rm", NAME, "--dry-run", "--json"))["freed_bytes"]
    before = sum(path.stat().st_size for path in program.cache.rglob("blobs/*"))

    done = data_of(program("rm", NAME, "--yes", "--json"))

    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == f"Hint: mlxkit rm {NAME} --yes"
    assert done["freed_bytes"] == said == before
    assert not list(program.cache.glob("models--*"))
    assert data_of(program("list", "--json"))["models"] == []
