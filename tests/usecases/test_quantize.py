import json
import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm import load
from mlx_lm.utils import load_model, quantize_model

from mlxkit.core.errors import CheckpointError, IntegrityError
from mlxkit.core.schemes import names, parse
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, random_weights, write_checkpoint

TOKENS = [list(range(1, 30))]
READ = Path("/proc/self/io")


def bytes_read() -> int:
    """What this process has read so far, from whatever it was."""
    return int(READ.read_text().split("rchar:")[1].split()[0])


def logits(model) -> np.ndarray:
    return np.array(model(mx.array(TOKENS)).astype(mx.float32))


@pytest.mark.parametrize("name", names())
def test_every_scheme_computes_what_mlx_lm_computes_with_it(source, tmp_path, name):
    scheme = parse(name)
    quantize(QuantizePlan(str(source), tmp_path / "small", (scheme,), encoder="minmax"))
    written, _ = load(str(tmp_path / "small"))
    expected, config = load_model(source, lazy=True)
    expected.set_dtype(mx.bfloat16)
    expected, _ = quantize_model(expected, config, group_size=scheme.group_size, bits=scheme.bits, mode=scheme.mode)
    assert np.array_equal(logits(written), logits(expected))


def test_the_size_is_what_the_scheme_says(source, tmp_path):
    result = quantize(QuantizePlan(str(source), tmp_path / "small", (parse("4bit"),)))
    shapes = qwen3_shapes(QWEN3).values()
    quantized = sum(np.prod(shape) for shape in shapes if len(shape) == 2)
    rest = sum(np.prod(shape) for shape in shapes if len(shape) == 1)
    assert result.points[0].size_bytes == quantized * 4.5 / 8 + rest * 2
    assert result.points[0].bits_per_weight == pytest.approx(8 * result.points[0].size_bytes / (quantized + rest))


def test_the_config_names_what_differs_with_all_three_keys(tmp_path):
    config = {**QWEN3, "intermediate_size": 192, "head_dim": 40}
    source = write_checkpoint(tmp_path / "source", config)
    result = quantize(QuantizePlan(str(source), tmp_path / "small", (parse("4bit-g128"),)))
    entry = json.loads((tmp_path / "small" / "config.json").read_text())
    assert entry["quantization"] == entry["quantization_config"]
    quantization = entry["quantization"]
    assert (quantization["bits"], quantization["group_size"], quantization["mode"]) == (4, 128, "affine")
    assert quantization["model.layers.0.mlp.down_proj"] == {"group_size": 64, "bits": 4, "mode": "affine"}
    assert quantization["model.layers.1.self_attn.o_proj"] is False
    assert [skip.path for skip in result.points[0].layout.skipped] == [
        f"model.layers.{n}.self_attn.o_proj" for n in (0, 1)
    ]
    assert all("80" in skip.reason for skip in result.points[0].layout.skipped)
    model, _ = load(str(tmp_path / "small"))
    assert np.isfinite(logits(model)).all()


def test_a_quantized_source_is_refused_with_what_it_is(source, tmp_path):
    quantize(QuantizePlan(str(source), tmp_path / "eight", (parse("8bit"),)))
    with pytest.raises(CheckpointError, match=r"8bit-g64 \(MLX\)"):
        quantize(QuantizePlan(str(tmp_path / "eight"), tmp_path / "four", (parse("4bit"),)))
    assert not (tmp_path / "four").exists()


def test_requantize_dequantizes_and_says_so(source, tmp_path):
    quantize(QuantizePlan(str(source), tmp_path / "eight", (parse("8bit"),)))
    plan = QuantizePlan(str(tmp_path / "eight"), tmp_path / "four", (parse("4bit"),), requantize=True)
    result = quantize(plan)
    assert any("quantized already (8bit-g64 (MLX))" in note for note in result.notes)
    config = json.loads((tmp_path / "four" / "config.json").read_text())
    assert config["quantization"]["bits"] == 4
    record = json.loads((tmp_path / "four" / "mlxkit.json").read_text())
    assert any("8bit-g64" in note for note in record["notes"])
    one, _ = load(str(tmp_path / "four"))
    other, _ = load(str(tmp_path / "eight"))
    assert np.corrcoef(logits(one).ravel(), logits(other).ravel())[0, 1] > 0.9


def test_float32_scales_are_not_kept(source, tmp_path):
    result = quantize(QuantizePlan(str(source), tmp_path / "small", (parse("4bit"),)))
    assert result.dtype == "bfloat16"


def test_nan_in_a_quantized_weight_is_found(tmp_path):
    weights = random_weights(qwen3_shapes(QWEN3))
    weights["model.layers.0.self_attn.v_proj.weight"][0, 0] = np.nan
    source = write_checkpoint(tmp_path / "source", weights=weights)
    with pytest.raises(IntegrityError, match="v_proj"):
        quantize(QuantizePlan(str(source), tmp_path / "small", (parse("4bit"),)))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_same_inputs_give_same_bytes(source, tmp_path):
    for name in ("one", "two"):
        quantize(QuantizePlan(str(source), tmp_path / name, (parse("3bit"),)))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("encoder", ["minmax", "lsq"])
def test_several_schemes_make_what_each_makes_alone(source, tmp_path, encoder):
    schemes = tuple(parse(name) for name in ("3bit", "4bit-g32", "mxfp4", "8bit"))
    result = quantize(QuantizePlan(str(source), tmp_path / "all", schemes, encoder=encoder, shard_bytes=100_000))
    assert [point.folder for point in result.points] == [tmp_path / "all" / scheme.name for scheme in schemes]
    for scheme, point in zip(schemes, result.points, strict=True):
        alone = quantize(QuantizePlan(str(source), tmp_path / "one", (scheme,), encoder=encoder, shard_bytes=100_000))
        assert point.data() == {**alone.points[0].data(), "destination": str(point.folder)}
        for path in (tmp_path / "one").iterdir():
            assert path.read_bytes() == (point.folder / path.name).read_bytes()
        shutil.rmtree(tmp_path / "one")


def test_several_schemes_with_a_weight_that_is_nan_leave_nothing(tmp_path):
    weights = random_weights(qwen3_shapes(QWEN3))
    weights["model.layers.1.self_attn.v_proj.weight"][0, 0] = np.nan
    source = write_checkpoint(tmp_path / "source", weights=weights)
    with pytest.raises(IntegrityError, match="v_proj"):
        quantize(QuantizePlan(str(source), tmp_path / "all", (parse("4bit"), parse("8bit"))))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.skipif(not READ.exists(), reason="only Linux counts the bytes that a process reads")
def test_several_schemes_read_the_source_once(tmp_path):
    config = {**QWEN3, "num_hidden_layers": 40}
    source = write_checkpoint(tmp_path / "source", config, random_weights(qwen3_shapes(config)))
    size = (source / "model.safetensors").stat().st_size
    schemes = tuple(parse(name) for name in ("2bit", "3bit", "4bit", "6bit", "8bit"))
    before = bytes_read()
    quantize(QuantizePlan(str(source), tmp_path / "all", schemes, encoder="minmax"))
    assert 1.0 < (bytes_read() - before) / size < 1.3
