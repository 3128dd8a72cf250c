import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm import load
from safetensors import safe_open
from safetensors.numpy import load_file

from mlxkit.core.errors import DoesNotFitError, IntegrityError, PlanError
from mlxkit.usecases.convert import ConvertPlan, convert
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, random_weights, write_checkpoint


def logits(folder: Path) -> np.ndarray:
    model, _ = load(str(folder))
    return np.array(model(mx.arange(1, 30)[None]).astype(mx.float32))


def test_a_copy_computes_what_its_source_computes(source, tmp_path):
    result = convert(ConvertPlan(str(source), tmp_path / "copy"))
    assert result.logit_difference == 0.0
    assert np.array_equal(logits(source), logits(tmp_path / "copy"))


def test_stock_mlx_lm_reads_a_cast_checkpoint(source, tmp_path):
    convert(ConvertPlan(str(source), tmp_path / "half", dtype="bfloat16"))
    model, tokenizer = load(str(tmp_path / "half"))
    assert {array.dtype for array in model.trainable_parameters()["model"]["norm"].values()} == {mx.bfloat16}
    assert tokenizer.decode(tokenizer.encode("déjà vu")) == "déjà vu"
    config = json.loads((tmp_path / "half" / "config.json").read_text())
    assert (config["dtype"], config["torch_dtype"]) == ("bfloat16", "bfloat16")


def test_shards_are_small_indexed_and_marked(source, tmp_path):
    result = convert(ConvertPlan(str(source), tmp_path / "copy", shard_bytes=200_000))
    index = json.loads((tmp_path / "copy" / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == set(result.shards)
    assert len(result.shards) > 3
    held = {}
    for shard in result.shards:
        with safe_open(tmp_path / "copy" / shard, framework="numpy") as file:
            assert file.metadata() == {"format": "mlx"}
            held |= dict.fromkeys(file.keys(), shard)
    assert held == index["weight_map"]
    assert index["metadata"]["total_size"] == result.size_bytes
    assert index["metadata"]["total_parameters"] == sum(np.prod(s) for s in qwen3_shapes(QWEN3).values())


def test_texts_are_copied_byte_for_byte(source, tmp_path):
    (source / "NOTICE.txt").write_bytes(b"\xef\xbb\xbfnotice\r\n")
    (source / "chat_template.jinja").write_bytes(b"{{ messages }}\n\n")
    convert(ConvertPlan(str(source), tmp_path / "copy"))
    names = ["tokenizer.json", "tokenizer_config.json", "generation_config.json", "LICENSE", "NOTICE.txt"]
    for name in [*names, "chat_template.jinja"]:
        assert (tmp_path / "copy" / name).read_bytes() == (source / name).read_bytes()
    assert not (tmp_path / "copy" / "README.md").exists()


def test_same_inputs_give_same_bytes(source, tmp_path):
    one = convert(ConvertPlan(str(source), tmp_path / "one", dtype="float16"))
    two = convert(ConvertPlan(str(source), tmp_path / "two", dtype="float16"))
    assert one.digest == two.digest
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_the_digest_does_not_depend_on_shards(source, tmp_path):
    one = convert(ConvertPlan(str(source), tmp_path / "one"))
    many = convert(ConvertPlan(str(source), tmp_path / "many", shard_bytes=100_000))
    assert one.digest == many.digest


def test_the_record_tells_how_the_weights_were_made(source, tmp_path):
    result = convert(ConvertPlan(str(source), tmp_path / "copy", dtype="bfloat16"))
    record = json.loads((tmp_path / "copy" / "mlxkit.json").read_text())
    assert record["digest"] == result.digest
    assert record["source"]["license"] == "mit"
    assert record["options"]["dtype"] == "bfloat16"
    assert record["tensors"].keys() == qwen3_shapes(QWEN3).keys()
    assert {"mlxkit", "mlx", "mlx-lm"} == record["versions"].keys()


def test_a_scalar_and_an_odd_tensor_survive(tmp_path):
    weights = random_weights(qwen3_shapes({**QWEN3, "vocab_size": 321}))
    source = write_checkpoint(tmp_path / "odd", {**QWEN3, "vocab_size": 321}, weights)
    convert(ConvertPlan(str(source), tmp_path / "copy"))
    copied = load_file(tmp_path / "copy" / "model.safetensors")
    assert all(np.array_equal(copied[name], weights[name]) for name in weights)


def test_an_existing_destination_stays_without_force(source, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine.txt").write_text("mine")
    with pytest.raises(PlanError, match="exists already"):
        convert(ConvertPlan(str(source), tmp_path / "copy"))
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["mine.txt"]


def test_a_disk_without_room_is_told_before_anything_is_written(source, tmp_path):
    with pytest.raises(DoesNotFitError, match=r"of free disk, and .*copy has 1\.00 kB"):
        convert(ConvertPlan(str(source), tmp_path / "copy"), free_bytes=lambda _: 1000)
    assert not (tmp_path / "copy").exists()


def test_with_force_the_old_stays_until_the_new_is_complete(source, tmp_path):
    convert(ConvertPlan(str(source), tmp_path / "copy"))
    before = (tmp_path / "copy" / "model.safetensors").read_bytes()
    broken = random_weights(qwen3_shapes(QWEN3))
    broken["model.norm.weight"][5] = np.nan
    bad = write_checkpoint(tmp_path / "bad", weights=broken)
    with pytest.raises(IntegrityError):
        convert(ConvertPlan(str(bad), tmp_path / "copy", force=True))
    assert (tmp_path / "copy" / "model.safetensors").read_bytes() == before
    convert(ConvertPlan(str(source), tmp_path / "copy", dtype="float16", force=True))
    assert (tmp_path / "copy" / "model.safetensors").stat().st_size < len(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "copy", "source"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_weights_that_are_not_finite_are_refused(tmp_path, value, dtype):
    weights = {name: array.astype(dtype) for name, array in random_weights(qwen3_shapes(QWEN3)).items()}
    weights["model.layers.1.mlp.up_proj.weight"][3, 7] = value
    source = write_checkpoint(tmp_path / "source", weights=weights)
    with pytest.raises(IntegrityError, match=r"layers\.1\.mlp\.up_proj"):
        convert(ConvertPlan(str(source), tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


def test_large_finite_weights_are_not_refused(tmp_path):
    weights = {name: array.astype(np.float16) for name, array in random_weights(qwen3_shapes(QWEN3)).items()}
    weights["model.layers.1.mlp.up_proj.weight"][:] = 50
    weights["model.layers.1.mlp.down_proj.weight"][:] = 0
    weights["model.layers.1.mlp.gate_proj.weight"][:] = 0
    source = write_checkpoint(tmp_path / "source", weights=weights)
    result = convert(ConvertPlan(str(source), tmp_path / "copy"))
    assert result.dtype == "float16"


def test_a_dtype_too_narrow_for_the_model_is_refused(tmp_path):
    weights = random_weights(qwen3_shapes(QWEN3))
    weights["model.layers.1.mlp.up_proj.weight"][:] = 60000
    source = write_checkpoint(tmp_path / "source", weights=weights)
    with pytest.raises(IntegrityError, match="not finite in float16"):
        convert(ConvertPlan(str(source), tmp_path / "copy", dtype="float16"))
    assert not (tmp_path / "copy").exists()


def test_stray_shards_are_not_mixed_in(source, tmp_path):
    stray = random_weights(qwen3_shapes(QWEN3), seed=9)
    from safetensors.numpy import save_file

    save_file(stray, source / "model-99999-of-99999.safetensors")
    result = convert(ConvertPlan(str(source), tmp_path / "copy"))
    copied = load_file(tmp_path / "copy" / "model.safetensors")
    assert np.array_equal(copied["model.norm.weight"], random_weights(qwen3_shapes(QWEN3))["model.norm.weight"])
    assert any("model-99999-of-99999.safetensors" in note for note in result.notes)
