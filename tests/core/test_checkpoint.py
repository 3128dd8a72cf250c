from pathlib import Path

import pytest

from mlxkit.core.checkpoint import Checkpoint, Tensor, check_depth, eos_ids, remote_code
from mlxkit.core.errors import CheckpointError, GateError, IntegrityError
from mlxkit.core.output import floating_dtype, output_config, source_license
from mlxkit.core.record import checkpoint_digest
from mlxkit.core.sizes import parse_size


def checkpoint(**attributes) -> Checkpoint:
    config = {"model_type": "x", **attributes.pop("config", {})}
    return Checkpoint("it", Path(), config, attributes.pop("tensors", {}), **attributes)


def test_eos_ids_come_from_everywhere():
    it = checkpoint(
        config={"eos_token_id": [3, None, True], "text_config": {"eos_token_id": 4}},
        generation={"eos_token_id": 5},
        tokenizer={"eos_token": {"content": "</s>"}},
        special_tokens={"</s>": 2},
    )
    assert eos_ids(it) == (2, 3, 4, 5)
    assert eos_ids(checkpoint()) == ()


def test_remote_code_is_told_by_its_place():
    assert remote_code(checkpoint(config={"model_file": "m.py"})) == ("config.json: model_file",)
    tokenizer = {"auto_map": {"AutoTokenizer": ["tok.T", None]}}
    assert remote_code(checkpoint(tokenizer=tokenizer)) == ("tokenizer_config.json: auto_map",)
    assert remote_code(checkpoint(config={"auto_map": {"AutoModel": "m.M"}})) == ()


def test_the_gravest_problem_is_raised():
    broken = checkpoint(problems=(IntegrityError("a."), GateError("b.")))
    with pytest.raises(IntegrityError):
        broken.sound()
    assert checkpoint().sound().name == "it"


@pytest.mark.parametrize("depth", [0, -1, 2, 10**9, "2", None, True, 1.0])
@pytest.mark.parametrize("nested", [True, False])
def test_a_depth_that_the_weights_cannot_have(depth, nested):
    config = {"num_hidden_layers": depth}
    it = checkpoint(config={"text_config": config} if nested else config, tensors={"a": Tensor("a", "F32", (1,))})
    with pytest.raises(CheckpointError, match="num_hidden_layers"):
        check_depth(it)


def test_a_depth_that_fits():
    check_depth(checkpoint(config={"num_hidden_layers": 1}, tensors={"a": Tensor("a", "F32", (1,))}))


def test_the_written_config_says_its_dtype_to_all_readers():
    config = {"model_type": "x", "_name_or_path": "/Users/me/x", "text_config": {"dtype": "float32"}}
    written = output_config(config, "bfloat16", {"bits": 4})
    assert written == {
        "model_type": "x",
        "text_config": {"dtype": "bfloat16", "torch_dtype": "bfloat16"},
        "dtype": "bfloat16",
        "torch_dtype": "bfloat16",
        "quantization": {"bits": 4},
        "quantization_config": {"bits": 4},
    }
    assert config["text_config"] == {"dtype": "float32"}
    assert "quantization_config" not in output_config({"quantization_config": {"quant_method": "awq"}}, None, None)


def test_the_dtype_with_most_bytes_counts():
    tensors = [Tensor("a", "F32", (10,)), Tensor("b", "BF16", (30,)), Tensor("c", "U32", (99,))]
    assert floating_dtype(tensors) == "bfloat16"
    assert floating_dtype(tensors[2:]) is None


def test_the_license_survives_in_the_record():
    assert source_license(checkpoint(card={"license": "mit"}, record={"source": {"license": "other"}})) == "mit"
    assert source_license(checkpoint(record={"source": {"license": "apache-2.0"}})) == "apache-2.0"
    assert source_license(checkpoint(card={"license": ["a"]}, record={"source": 3})) is None


def test_the_digest_depends_on_names_and_contents_only():
    assert checkpoint_digest({"a": "1", "b": "2"}) == checkpoint_digest({"b": "2", "a": "1"})
    assert checkpoint_digest({"a": "1", "b": "2"}) != checkpoint_digest({"a": "2", "b": "1"})


@pytest.mark.parametrize(("text", "size"), [("1GB", 10**9), ("1.5 gib", 3 * 2**29), ("7", 7), (" 2kb ", 2000)])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1PB", "0", "nan", "1e9", "1 2", "9" * 400])
def test_no_sizes(text):
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)
