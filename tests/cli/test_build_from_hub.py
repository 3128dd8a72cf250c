"""`mlxkit build` of models on the Hub: what is asked for, and what is not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.checkpoints import files_of, write_checkpoint
from tests.fakes.program import Program
from tests.hub import TestHub, serve

RECIPE = """
name = "small"
[source]
repo = "owner/weights"
license = "{license}"
tokenizer = "owner/tokenizer"
[[variant]]
scheme = "4bit"
encoder = "minmax"
gates.no_check_errors = false
[evaluation]
texts = []
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestHub]:
    files = files_of(write_checkpoint(tmp_path / "published", shards=2))
    bare = {name: path for name, path in files.items() if not name.startswith("tokenizer")}
    with serve() as listening:
        listening.add("owner/weights", bare)
        listening.add("owner/tokenizer", files)
        yield listening


@pytest.fixture
def program(server: TestHub, tmp_path: Path) -> Program:
    return Program(server, tmp_path / "home")


def write_recipe(program: Program, license_: str = "mit") -> None:
    (program.home / "small.toml").write_text(RECIPE.format(license=license_))


def weights_asked(server: TestHub) -> set[str]:
    return {seen.path for seen in (*server.requests, *server.cdn_requests) if seen.path.endswith(".safetensors")}


def test_another_license_is_refused_before_a_weight_is_asked_for(program, server):
    write_recipe(program, "apache-2.0")

    done = program("build", "small.toml")

    assert done.returncode == 5
    assert "is mit, and the recipe expects apache-2.0" in done.stderr
    assert weights_asked(server) == set()
    assert not (program.home / "build").exists()


def test_of_another_models_repo_only_the_tokenizer_is_fetched(program, server):
    write_recipe(program)
    planned = program("build", "small.toml", "--plan", "--json")
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["data"]["variants"][0]["is_there"] is False

    done = program("build", "small.toml", "--json")

    assert done.returncode == 0, done.stderr
    assert weights_asked(server)
    assert not any("owner/tokenizer" in path for path in weights_asked(server))
    lock = json.loads((program.home / "build/small/lock.json").read_text())
    assert lock["source"]["tokenizer"]["commit"] == server.repos["owner/tokenizer"].head
    record = json.loads((program.home / "build/small/small-4bit/mlxkit.json").read_text())
    assert record["source"]["repo"] == "owner/weights"
    assert record["source"]["commit"] == server.repos["owner/weights"].head
    again = program("build", "small.toml", "--json", sockets=False)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["data"]["variants"][0]["done"] == []
    planned = program("build", "small.toml", "--plan", "--json", sockets=False)
    assert json.loads(planned.stdout)["data"]["variants"][0]["is_there"] is True


def test_a_tokenizer_that_is_here_is_not_asked_for(program, server):
    write_recipe(program)
    assert program("fetch", "owner/tokenizer").returncode == 0
    server.requests.clear()

    assert program("build", "small.toml").returncode == 0

    assert not [seen.path for seen in server.requests if "owner/tokenizer" in seen.path]
