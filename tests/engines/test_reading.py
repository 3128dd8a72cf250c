import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxkit.core.checkpoint import eos_ids
from mlxkit.core.errors import CheckpointError, IntegrityError, MlxkitError, NotFoundError
from mlxkit.engines.store import locate, read
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, write_checkpoint


def problem(folder: Path) -> MlxkitError:
    with pytest.raises(MlxkitError) as caught:
        read("it", folder).sound()
    assert caught.value.hint
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    return caught.value


def test_a_sound_checkpoint_is_described_by_its_headers(source):
    checkpoint = read("it", source).sound()
    assert {name: tensor.shape for name, tensor in checkpoint.tensors.items()} == qwen3_shapes(QWEN3)
    assert checkpoint.size_bytes == sum(4 * tensor.count for tensor in checkpoint.tensors.values())
    assert checkpoint.template is not None
    assert checkpoint.card["license"] == "mit"
    assert len(checkpoint.shards) == 3


def test_eos_ids_of_all_three_files_count(source):
    (source / "generation_config.json").write_text('{"eos_token_id": [7, 8]}')
    (source / "config.json").write_text(json.dumps({**QWEN3, "eos_token_id": 9}))
    assert eos_ids(read("it", source)) == (7, 8, 9, 256)


@pytest.mark.parametrize("keep", [0, 7, 8, 20, 900, -1, -5000])
def test_truncated_weights(tmp_path, keep):
    path = write_checkpoint(tmp_path / "source") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    error = problem(path.parent)
    assert isinstance(error, IntegrityError)
    assert "model.safetensors" in error.message


def test_a_header_longer_than_the_file(tmp_path):
    path = write_checkpoint(tmp_path / "source") / "model.safetensors"
    path.write_bytes((10**9).to_bytes(8, "little") + path.read_bytes()[8:])
    assert isinstance(problem(path.parent), IntegrityError)


def test_offsets_past_the_end_of_the_file(tmp_path):
    path = write_checkpoint(tmp_path / "source") / "model.safetensors"
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["model.norm.weight"]["data_offsets"] = [10**9, 10**9 + 512]
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
    assert isinstance(problem(path.parent), IntegrityError)


def test_a_missing_shard_is_named(source):
    (source / "model-00002-of-00003.safetensors").unlink()
    error = problem(source)
    assert isinstance(error, IntegrityError)
    assert "model-00002-of-00003.safetensors" in error.message


def test_a_shard_that_lacks_what_the_index_promises(source):
    shutil.copy(source / "model-00001-of-00003.safetensors", source / "model-00002-of-00003.safetensors")
    error = problem(source)
    assert isinstance(error, IntegrityError)
    assert error.message.count(".weight") == 5
    assert "in all" in error.message


@pytest.mark.parametrize("place", ["../secret.safetensors", "/etc/passwd", "a/../../b", "..\\b", "", "\0"])
def test_an_index_that_points_outside_the_folder(source, place):
    path = source / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["model.norm.weight"] = place
    path.write_text(json.dumps(index))
    error = problem(source)
    assert isinstance(error, IntegrityError)
    assert "model.norm.weight" in error.message


@pytest.mark.parametrize("content", ["", "{", "[]", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "\xff"])
def test_an_index_that_is_none(source, content):
    (source / "model.safetensors.index.json").write_bytes(content.encode("latin-1"))
    assert isinstance(problem(source), IntegrityError)


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "{}", '{"model_type": 3}', "\xff\xfe", "[" * 100_000])
def test_a_config_that_is_none(source, content):
    (source / "config.json").write_bytes(content.encode("latin-1"))
    assert isinstance(problem(source), CheckpointError)


@pytest.mark.parametrize("name", ["generation_config.json", "tokenizer_config.json"])
def test_other_json_that_is_none(source, name):
    (source / name).write_text("{not json")
    error = problem(source)
    assert isinstance(error, CheckpointError)
    assert name in error.message


def test_missing_files(tmp_path):
    folder = write_checkpoint(tmp_path / "source")
    (folder / "tokenizer.json").unlink()
    assert "tokenizer" in problem(folder).message
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "pytorch_model.bin" in problem(folder).message
    (folder / "config.json").unlink()
    assert "config.json" in problem(folder).message


def test_a_weight_file_that_cannot_be_read(tmp_path):
    folder = write_checkpoint(tmp_path / "source", shards=2)
    shard = folder / "model-00001-of-00002.safetensors"
    shard.unlink()
    shard.symlink_to(shard)  # a loop: no permission bit stops root
    assert isinstance(problem(folder), IntegrityError)


@pytest.mark.parametrize("name", ["nowhere", "no/where", "./tiny", "owner/name@main", "a\0b", "x" * 5000])
def test_a_model_that_is_not_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError) as caught:
        locate(name)
    assert caught.value.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_json_files_hold_reading_gives_a_checkpoint_or_one_sentence(tmp_path, data):
    folder = tmp_path / "mutated"
    if not folder.exists():
        write_checkpoint(folder, shards=2)
    name = data.draw(st.sampled_from(["config.json", "generation_config.json", "tokenizer_config.json"]))
    original = (folder / name).read_bytes()
    value = json.loads(original)
    value[data.draw(st.sampled_from([*value, "new"]))] = data.draw(JSON)
    try:
        (folder / name).write_text(json.dumps(value))
        checkpoint = read("it", folder)
        eos_ids(checkpoint)
    except MlxkitError as error:
        assert error.message.endswith(".")
    finally:
        (folder / name).write_bytes(original)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_a_header_holds_reading_gives_a_checkpoint_or_one_sentence(tmp_path, data):
    folder = tmp_path / "mutated"
    if not folder.exists():
        write_checkpoint(folder)
    path = folder / "model.safetensors"
    original = path.read_bytes()
    position = data.draw(st.integers(0, 3000))
    junk = data.draw(st.binary(min_size=1, max_size=8))
    try:
        path.write_bytes(original[:position] + junk + original[position + len(junk) :])
        read("it", folder).sound()
    except MlxkitError as error:
        assert error.message.endswith(".")
    finally:
        path.write_bytes(original)
