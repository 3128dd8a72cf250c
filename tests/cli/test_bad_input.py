"""Whatever is wrong with the input: one sentence, a hint, the right exit status, no traceback, nothing left behind."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxkit.cli import cli
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, random_weights, write_checkpoint

WEIGHTS = "model.safetensors"
COMMANDS = {
    "convert": ("convert",),
    "quantize": ("quantize", "--scheme", "4bit"),
    "budget": ("quantize", "--bits-per-weight", "4"),
}


def truncated(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def long_header(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes((2**40).to_bytes(8, "little") + path.read_bytes()[8:])


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{'model_type': 'qwen3'}")


def no_tokenizer_json(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


def no_model_type(folder: Path) -> None:
    change(folder, model_type=None)


def unknown_architecture(folder: Path) -> None:
    change(folder, model_type="perceptron")


def missing_shard(folder: Path) -> None:
    shutil.rmtree(folder)
    write_checkpoint(folder, shards=3)
    (folder / "model-00003-of-00003.safetensors").unlink()


def missing_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def nan_weights(folder: Path) -> None:
    weights = random_weights(qwen3_shapes(QWEN3))
    weights["model.embed_tokens.weight"][300, 3] = np.nan
    write_checkpoint(folder, weights=weights)


def unreadable(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(folder / "config.json")  # a loop: no permission bit stops root


def not_a_file(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()


def missing_tensors(folder: Path) -> None:
    weights = random_weights(qwen3_shapes(QWEN3))
    for name in [name for name in weights if ".mlp." in name]:
        del weights[name]
    write_checkpoint(folder, weights=weights)


def extra_tensors(folder: Path) -> None:
    write_checkpoint(folder, weights=random_weights(qwen3_shapes(QWEN3) | {"model.surprise.weight": (3, 3)}))


def wrong_shape(folder: Path) -> None:
    change(folder, intermediate_size=512)


def wants_code(folder: Path) -> None:
    (folder / "evil.py").write_text("raise SystemExit('executed')")
    change(folder, model_file="evil.py")


def change(folder: Path, **keys: object) -> None:
    config = QWEN3 | keys
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


CASES = [
    (truncated, 6, "truncated"),
    (long_header, 6, "header"),
    (no_json, 1, "not JSON"),
    (no_tokenizer_json, 1, "tokenizer.json"),
    (no_model_type, 1, "model_type"),
    (unknown_architecture, 1, "perceptron"),
    (missing_shard, 6, "model-00003-of-00003.safetensors"),
    (missing_tokenizer, 1, "tokenizer"),
    (nan_weights, 6, "model.embed_tokens.weight"),
    (unreadable, 1, "config.json"),
    (not_a_file, 1, "safetensors"),
    (missing_tensors, 6, "(6 in all)"),
    (extra_tensors, 6, "model.surprise.weight"),
    (wrong_shape, 6, "(512, 128)"),
    (wants_code, 1, "--trust-remote-code"),
]


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), catch_exceptions=True)


def assert_one_sentence(result: Result, status: int, said: str) -> None:
    assert result.exit_code == status, result.output
    lines = result.stderr.strip().split("\n")
    assert [line.split(":")[0] for line in lines] == ["Error", "Hint"]
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize(("spoil", "status", "said"), CASES, ids=[spoil.__name__ for spoil, *_ in CASES])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_spoiled_checkpoint(tmp_path, command, spoil, status, said):
    folder = write_checkpoint(tmp_path / "source")
    spoil(folder)
    result = run(*command, str(folder), str(tmp_path / "copy"))
    assert_one_sentence(result, status, said)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("source", "destination", "status"),
    [("nowhere", "copy", 1), ("source", "source/copy", 2), ("source", "source", 2)],
)
def test_a_place_that_cannot_be(tmp_path, command, source, destination, status):
    write_checkpoint(tmp_path / "source")
    before = sorted(path.name for path in (tmp_path / "source").iterdir())
    assert_one_sentence(run(*command, str(tmp_path / source), str(tmp_path / destination)), status, "")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    assert sorted(path.name for path in (tmp_path / "source").iterdir()) == before


def test_json_tells_the_same(tmp_path):
    folder = write_checkpoint(tmp_path / "source")
    truncated(folder)
    result = run("convert", str(folder), str(tmp_path / "copy"), "--json")
    envelope = json.loads(result.stdout)
    assert result.exit_code == 6
    assert envelope["error"]["code"] == "integrity"
    assert envelope["command"] == "convert"
    assert result.stderr == ""


def test_inspect_shows_what_there_is_and_fails(tmp_path):
    folder = write_checkpoint(tmp_path / "source", shards=2)
    (folder / "model-00001-of-00002.safetensors").unlink()
    result = run("inspect", str(folder))
    assert result.exit_code == 6
    assert "qwen3" in result.stdout
    assert "model-00001-of-00002.safetensors" in result.stderr
    envelope = json.loads(run("inspect", str(folder), "--json").stdout)
    assert envelope["status"] == "error"
    assert envelope["data"]["architecture"] == "qwen3"


KEYS = [*QWEN3, "rope_scaling", "rope_parameters", "quantization", "quantization_config", "text_config", "layer_types"]
VALUES = st.sampled_from([None, -1, 0, 1, 3, 10**9, 0.5, "128", "", [], [1], {}, {"a": 1}, True, float("inf")])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_config_converts_or_gives_one_sentence(tmp_path, key, value):
    folder = tmp_path / "source"
    if not folder.exists():
        write_checkpoint(folder)
    (folder / "config.json").write_text(json.dumps({**QWEN3, key: value}))
    result = run("convert", str(folder), str(tmp_path / "copy"))
    if result.exit_code == 0:
        shutil.rmtree(tmp_path / "copy")
    else:
        assert_one_sentence(result, result.exit_code, "")
        assert result.exit_code in (1, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
