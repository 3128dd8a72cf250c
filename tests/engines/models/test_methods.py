"""mlx-lm's AWQ and GPTQ, on rows that we give them: what stock mlx-lm reads of it is what was computed."""

import json
from contextlib import contextmanager

import mlx.core as mx
import pytest
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.quant import awq, gptq
from mlx_lm.utils import load_model

from mlxkit.core.errors import CheckpointError, PlanError
from mlxkit.core.progress import Silent
from mlxkit.core.quantization import infer, uniform
from mlxkit.core.schemes import parse
from mlxkit.engines import models, store
from mlxkit.engines.models.methods import METHODS, by_method, refusal
from tests.fakes import architectures

ROWS = (2, 16)
# architecture, method, scheme, and which units get another one
CASES = {
    "awq": ("llama", "awq", "4bit", {"4bit-g32": {"model.embed_tokens", "lm_head"}}),
    "awq, tied": ("gemma3_text", "awq", "3bit", {"4bit-g32": {"model.embed_tokens"}}),
    "awq, more bits": ("qwen3", "awq", "6bit", {"6bit-g32": {"model.embed_tokens"}}),
    "gptq": ("llama", "gptq", "4bit", {"6bit-g64": {"model.embed_tokens"}}),
    "gptq, experts": ("qwen3_moe", "gptq", "2bit", {"6bit-g64": {"model.embed_tokens"}}),
    "gptq, more bits": ("lfm2", "gptq", "8bit-g32", {"8bit-g64": {"model.embed_tokens"}}),
    "gptq, narrow": ("olmo2", "gptq", "4bit-g32", {"6bit-g32": {"model.embed_tokens"}}),
}
REFUSED = {
    "not affine": ("llama", "awq", "mxfp4", "affine schemes only"),
    "not affine either": ("llama", "gptq", "nvfp4", "affine schemes only"),
    "unknown architecture": ("phi3", "awq", "4bit", r"'phi3', only deepseek_v2, .*, llama, "),
    "a projection in two": ("deepseek_v2", "awq", "4bit-g32", r"'self_attn.q_proj', which this 'deepseek_v2' has not"),
    "odd bits": ("llama", "gptq", "3bit", "2, 4 or 8 bits, not 3"),
    "width": ("phi3", "gptq", "4bit-g32", r"32 divides, .* model.layers.0.mlp.down_proj \(144\), "),
    "width of awq": ("qwen2", "awq", "4bit", r"64 divides, .* model.layers.0.mlp.down_proj \(160\), "),
}


class Counted(Silent):
    """Progress that adds up its phases."""

    def __init__(self):
        self.phases = []

    @contextmanager
    def phase(self, name, total, unit, done=0):
        steps = []
        yield steps.append
        self.phases.append((name, total, sum(steps)))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Give the checkpoint of an architecture, written once."""
    written = {}

    def of(name):
        if name not in written:
            folder = architectures.write(name, tmp_path_factory.mktemp(name))
            written[name] = store.read(name, folder)
        return written[name]

    return of


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home: mlx-lm's own text would be kept there."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def rows(shape=ROWS):
    return mx.random.randint(1, 640, shape, key=mx.random.key(1))


def opened(checkpoint, dtype="float32"):
    model = models.open_model(checkpoint).model
    models.cast(model, dtype)
    return model


def quantized(checkpoint, method, scheme, dtype="float32", text=None, progress=None):
    model = opened(checkpoint, dtype)
    text = rows() if text is None else text
    return model, by_method(method, model, text, parse(scheme), checkpoint, progress or Silent())


def weights(model):
    return dict(tree_flatten(model.parameters()))


def saved(folder, model, layout, checkpoint):
    folder.mkdir()
    model.save_weights(str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps({**checkpoint.config, "quantization": layout.config_entry()}))
    return folder


def logits(model):
    model.set_dtype(mx.float32)  # of 16 bits the CPU cannot multiply stacked experts
    return model(rows())


@pytest.mark.parametrize("case", CASES)
def test_the_layout_is_what_the_arrays_show_and_stock_mlx_lm_computes_the_same(case, checkpoint, tmp_path, home, capfd):
    name, method, scheme, others = CASES[case]
    source = checkpoint(name)
    assert refusal(method, source, parse(scheme)) is None
    model, layout = quantized(source, method, scheme)

    arrays = weights(model)
    found = {path.removesuffix(".scales"): array for path, array in arrays.items() if path.endswith(".scales")}
    assert layout.schemes == {
        path: infer(arrays[f"{path}.weight"].shape[-1], scales.shape[-1], "affine", layout.schemes[path].group_size)
        for path, scales in found.items()
    }
    assert layout.default == parse(scheme)
    assert layout.exceptions == {path: parse(named) for named, paths in others.items() for path in paths}
    assert set(layout.schemes) == {unit.path for unit in models.units(opened(source))}
    assert layout.skipped == ()

    stock, config = load_model(saved(tmp_path / "saved", model, layout, source), strict=True)
    assert weights(stock).keys() == arrays.keys()
    assert mx.allclose(stock(rows()), model(rows()), atol=1e-4)
    assert config["quantization"] == layout.config_entry()
    assert list(home.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_projections_of_each_head_are_only_rounded(checkpoint):
    source = checkpoint("deepseek_v3")
    model = opened(source)
    for layer in model.layers:  # 48, the width that it has here, is none for gptq
        layer.self_attn.q_a_proj = nn.Linear(128, 64, bias=False)
        layer.self_attn.q_a_layernorm = nn.RMSNorm(64)
        layer.self_attn.q_b_proj = nn.Linear(64, 192, bias=False)
    layout = by_method("gptq", model, rows(), parse("4bit"), source, Silent())
    assert set(layout.exceptions.values()) == {parse("6bit-g32")}
    assert {path.rpartition(".")[2] for path in layout.exceptions} == {"embed_tokens", "embed_q", "unembed_out"}


@pytest.mark.parametrize("method", METHODS)
def test_the_function_is_mlx_lms_own_with_its_own_choices(method, checkpoint):
    source, theirs = checkpoint("llama"), opened(checkpoint("llama"))
    if method == "awq":
        awq.awq_quantize(theirs, rows(), awq.AWQ_MODEL_CONFIGS["llama"], group_size=64, bits=4)
    else:
        gptq.gptq_quantize(theirs, rows(), 4, 64, 6, 64)
    ours, _ = quantized(source, method, "4bit")
    assert weights(ours).keys() == weights(theirs).keys()
    assert all(mx.array_equal(array, weights(theirs)[path]) for path, array in weights(ours).items())


@pytest.mark.parametrize("method", METHODS)
def test_it_is_closer_on_the_rows_than_plain_rounding(method, checkpoint):
    source = checkpoint("llama")
    wanted = logits(opened(source))
    ours, _ = quantized(source, method, "2bit-g32")
    plain = opened(source)
    models.apply(plain, uniform(models.units(plain), parse("2bit-g32")))
    # The same rounding for embedding and output in both: what is compared is what the method does.
    for path in ("model.embed_tokens", "lm_head"):
        plain.update_modules(_nested(path, ours))
    error, plain_error = ((logits(model) - wanted).square().mean().item() for model in (ours, plain))
    assert error < 0.9 * plain_error


def _nested(path, model):
    """The module at a path of a model, in the form that `update_modules` takes."""
    tree = model
    for name in path.split("."):
        tree = tree[name]
    for name in reversed(path.split(".")):
        tree = {name: tree}
    return tree


def test_floats_keep_their_dtype_and_scales_take_that_of_their_weight(checkpoint, tmp_path):
    source = checkpoint("qwen3_moe")
    model = opened(source, "bfloat16")
    model.model.norm.set_dtype(mx.float32)
    layout = by_method("gptq", model, rows(), parse("4bit"), source, Silent())
    by_dtype = {}
    for path, array in weights(model).items():
        by_dtype.setdefault(array.dtype, set()).add(path)
    assert by_dtype.keys() == {mx.uint32, mx.bfloat16, mx.float32}
    assert by_dtype[mx.uint32] == {f"{path}.weight" for path in layout.schemes}
    assert by_dtype[mx.float32] == {"model.norm.weight"}
    stock, _ = load_model(saved(tmp_path / "saved", model, layout, source), strict=True)
    assert mx.allclose(logits(stock), logits(model), atol=1e-4)


@pytest.mark.parametrize(("method", "steps"), [("awq", 2), ("gptq", 2 + 15)])
def test_each_batch_and_layer_is_a_step_of_one_phase(method, steps, checkpoint):
    progress = Counted()
    quantized(checkpoint("llama"), method, "4bit", text=rows(shape=(9, 4)), progress=progress)
    assert progress.phases == [(f"Quantizing with {method.upper()}", steps, steps)]


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_said_beforehand(case, checkpoint):
    name, method, scheme, words = REFUSED[case]
    source, progress = checkpoint(name), Counted()
    with pytest.raises(PlanError, match=words) as raised:
        quantized(source, method, scheme, progress=progress)
    assert refusal(method, source, parse(scheme)) == raised.value.message
    assert progress.phases == []


def test_the_width_of_what_is_only_rounded_counts_too(checkpoint):
    source, model = checkpoint("llama"), opened(checkpoint("llama"))
    model.model.embed_tokens = nn.Embedding(640, 48)
    with pytest.raises(PlanError, match=r"32 divides, .* model.embed_tokens \(48\)\.$"):
        by_method("gptq", model, rows(), parse("4bit"), source, Silent())


def test_a_quantized_source_is_looked_at_as_if_it_were_not(checkpoint, tmp_path):
    source = checkpoint("phi3")
    model = opened(source)
    layout = uniform(models.units(model), parse("4bit-g32"))
    models.apply(model, layout)
    again = store.read("again", saved(tmp_path / "again", model, layout, source))
    assert "(144)" in refusal("gptq", again, parse("8bit-g32"))
    assert "model.layers.0.self_attn.o_proj" not in refusal("gptq", again, parse("8bit-g32"))


def test_of_code_of_its_own_only_the_config_is_asked(checkpoint, tmp_path):
    folder = architectures.write("phi3", tmp_path / "code")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_file": "model.py"}))
    source = store.read("code", folder)
    assert refusal("gptq", source, parse("4bit-g32")) is None
    assert "2, 4 or 8 bits" in refusal("gptq", source, parse("5bit"))


@pytest.mark.parametrize("method", METHODS)
def test_a_failure_of_mlx_lms_names_the_method_and_the_checkpoint(method, checkpoint):
    with pytest.raises(CheckpointError, match=rf"^mlx-lm's {method} fails on 'llama'.*Error: "):
        quantized(checkpoint("llama"), method, "4bit", text=mx.array([[[1, 2]]]))


def test_a_result_that_is_not_finite_is_refused(checkpoint):
    source = checkpoint("llama")
    model = opened(source)
    model.layers[0].mlp.up_proj.weight *= mx.array(float("nan"))
    with pytest.raises(CheckpointError, match=r"leaves NaN or infinity in 'llama': .*scales"):
        by_method("gptq", model, rows(), parse("4bit"), source, Silent())
