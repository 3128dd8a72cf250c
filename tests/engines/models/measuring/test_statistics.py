"""Sensitivities are what they are defined to be, and predict what an error costs."""

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from mlxkit.core.progress import Silent
from mlxkit.engines import models, store
from mlxkit.engines.models.encoding.encoders import loss
from mlxkit.engines.models.measuring import statistics
from mlxkit.engines.models.measuring.reference import divergences, reference
from tests.engines.models.measuring.listening import (
    expected,
    heard,
    measured,
    numbers,
    random_model,
    text,
    units_of,
)
from tests.fakes.architectures import architectures

ROWS = text(2, 16)


def whole(moments):
    """Blocks along a diagonal as one matrix."""
    blocks, block = moments.shape[:2]
    matrix = np.zeros((blocks * block, blocks * block))
    for index, part in enumerate(numbers(moments)):
        matrix[index * block :][:block, index * block :][:, :block] = part
    return matrix


# Plain, a tied embedding, experts whose rows are not sorted and those whose are, a matrix per head in both directions.
@pytest.mark.parametrize(
    ("name", "rows"),
    [("llama", text(6, 7)), ("qwen3", ROWS), ("mixtral", text(1, 9)), ("mixtral", text(2, 32)), ("deepseek_v3", ROWS)],
    ids=["llama", "qwen3", "mixtral", "mixtral sorted", "deepseek_v3"],
)
def test_they_are_what_another_route_finds(name, rows, tmp_path):
    model, units = random_model(name, tmp_path)
    found, calls = measured(model, units, rows), heard(model, units, rows)
    assert found.keys() == units.keys()
    for path, unit in units.items():
        moments, importance = expected(unit, calls[path], rows.size)
        assert np.allclose(whole(found[path].moments), moments, rtol=1e-3, atol=1e-3), path
        assert np.allclose(numbers(found[path].importance), importance, rtol=2e-3, atol=0), path


def test_heads_are_met_in_both_directions(tmp_path):
    model, units = random_model("deepseek_v3", tmp_path)
    kinds = {path.rpartition(".")[2]: {call[0] for call in calls} for path, calls in heard(model, units, ROWS).items()}
    assert kinds["embed_q"] == {"transposed"}
    assert kinds["unembed_out"] == {"linear"}


class Wide(nn.Module):
    """A model of one layer whose matrix is too wide for one block."""

    def __init__(self):
        super().__init__()
        mx.random.seed(0)
        self.embed = nn.Embedding(640, 64)
        self.layers = [nn.Sequential(nn.Linear(64, 1088), nn.GELU(), nn.Linear(1088, 32))]
        self.head = nn.Linear(32, 640)

    def __call__(self, tokens):
        return self.head(self.layers[0](self.embed(tokens)))


def test_wide_moments_are_kept_in_blocks():
    model = Wide()
    units = units_of(model)
    found, calls = measured(model, units, ROWS), heard(model, units, ROWS)
    path = "layers.0.layers.2"
    assert found[path].moments.shape == (17, 64, 64)
    moments, importance = expected(units[path], calls[path], ROWS.size)
    inside = np.kron(np.eye(17), np.ones((64, 64)))
    assert np.allclose(whole(found[path].moments), moments * inside, rtol=1e-3, atol=1e-3)
    assert np.allclose(numbers(found[path].importance), importance, rtol=2e-3)


@pytest.mark.parametrize("name", architectures())
def test_every_unit_of_every_architecture_is_reached(name, tmp_path):
    model, units = random_model(name, tmp_path)
    found = measured(model, units, ROWS)
    assert [path for path in units if not found[path].is_known] == []
    for path, unit in units.items():
        moments, importance = found[path].moments, found[path].importance
        assert moments.dtype == importance.dtype == mx.float32
        assert importance.size * moments.shape[0] * moments.shape[1] == unit.weight.size
        form = numbers(moments)
        assert np.isfinite(form).all()
        assert np.isfinite(numbers(importance)).all()
        assert (numbers(importance) >= 0).all()
        assert np.allclose(form, np.swapaxes(form, 1, 2), atol=1e-4)
        assert np.linalg.eigvalsh(form).min() > -1e-3 * np.linalg.eigvalsh(form).max()
        assert form.trace(axis1=1, axis2=2).sum() == pytest.approx(unit.weight.shape[-1], rel=1e-4)


def test_what_text_does_not_reach_is_not_known(tmp_path):
    model, units = random_model("llama", tmp_path)
    found = measured(model, {**units, "spare": nn.Linear(32, 8)}, ROWS)
    assert [path for path, each in found.items() if not each.is_known] == ["spare"]
    assert np.isfinite(numbers(found["spare"].moments)).all()


@pytest.mark.parametrize(("name", "path"), [("mixtral", "switch_mlp.down_proj"), ("llama", "embed_tokens")])
def test_what_text_did_not_name_is_not_free(name, path, tmp_path):
    """One token: of four experts two are chosen, of all embeddings one."""
    model, units = random_model(name, tmp_path)
    path = next(unit for unit in units if unit.endswith(path))
    importance = numbers(measured(model, units, text(1, 1))[path].importance)
    assert importance.min() > 0
    assert importance.max() > 5 * importance.min()


def test_the_same_seed_measures_the_same_and_another_something_else(tmp_path):
    model, units = random_model("llama", tmp_path)
    first, again, other = (measured(model, units, ROWS, seed=seed)["lm_head"].importance for seed in (1, 1, 2))
    assert mx.array_equal(first, again)
    assert not mx.array_equal(first, other)


@pytest.mark.parametrize("name", ["qwen3", "mixtral", "deepseek_v3"])
def test_a_quantized_copy_tells_nearly_the_same(name, tmp_path):
    model, units = random_model(name, tmp_path)
    rows = text(8, 16)
    plain = measured(model, units, rows)
    nn.quantize(model, 32, 8, class_predicate=lambda _, module: _is_divisible(module))
    copy = measured(model, units_of(model), rows)
    assert plain.keys() == copy.keys()
    for path, sensitivity in copy.items():
        assert sensitivity.moments.shape == plain[path].moments.shape
        # Labels are drawn anew, and a few fall another way; so do a few choices of experts.
        assert sensitivity.importance.sum().item() == pytest.approx(plain[path].importance.sum().item(), rel=0.5)


def _is_divisible(module):
    return hasattr(module, "to_quantized") and module.weight.shape[-1] % 32 == 0


def test_what_is_saved_is_what_is_loaded(tmp_path):
    found = measured(*random_model("mixtral", tmp_path / "model"), ROWS)
    statistics.save({"first": found["lm_head"]}, tmp_path / "kept.safetensors")
    statistics.save(found, tmp_path / "kept.safetensors")
    loaded = statistics.load(tmp_path / "kept.safetensors")
    assert loaded.keys() == found.keys()
    for path, sensitivity in found.items():
        assert mx.array_equal(loaded[path].moments, sensitivity.moments)
        assert mx.array_equal(loaded[path].importance, sensitivity.importance)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.safetensors", "model"]


def ratios(model, units, rows, paths, size):
    """Predicted over measured divergence, for a random error of a share `size` of each weight."""
    found = measured(model, units, rows)
    answers = reference(model, units, rows, Silent())
    predicted = {}
    for number, path in enumerate(paths):
        weight = units[path].weight
        error = mx.random.normal(weight.shape, key=mx.random.key(number))
        error = error * size * mx.sqrt(mx.square(weight).mean())
        forecast = loss(error.reshape(-1, weight.shape[-1]), found[path].moments, found[path].importance).item()
        units[path].weight = weight + error
        measured_rows = divergences(model, answers, units[answers.path], Silent())
        units[path].weight = weight
        predicted[path] = forecast / mx.concatenate(measured_rows).mean().item()
    return predicted


def test_they_predict_the_divergence_of_a_random_model(tmp_path):
    model, units = random_model("llama", tmp_path)
    paths = ["model.embed_tokens", "lm_head"] + [
        f"model.layers.{layer}.{kind}"
        for layer in (0, 1)
        for kind in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj")
    ]
    found = ratios(model, units, text(8, 32), paths, size=0.02)
    assert {path: ratio for path, ratio in found.items() if not 0.6 < ratio < 1.6} == {}


def test_they_predict_the_divergence_of_tiny():
    """On its own text: `down_proj` of the first layers has inputs that are large where gradients are small."""
    checkpoint = store.read("tiny", store.locate("tiny"))
    model = models.open_model(checkpoint).model
    model.set_dtype(mx.float32)
    written = models.sampled(
        model, models.load_tokenizer(checkpoint), ["Hi"], count=8, length=48, seed=5, progress=Silent()
    )
    paths = [
        "model.embed_tokens",
        "model.layers.0.mlp.down_proj",
        "model.layers.1.mlp.down_proj",
        "model.layers.4.self_attn.o_proj",
        "model.layers.4.mlp.down_proj",
    ]
    found = ratios(model, units_of(model), mx.array(written.rows), paths, size=0.02)
    assert {path: ratio for path, ratio in found.items() if not 0.5 < ratio < 2} == {}
