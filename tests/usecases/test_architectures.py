"""Every architecture through `convert` and `quantize`, and back through stock mlx-lm."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx.utils import tree_flatten, tree_map_with_path, tree_unflatten
from mlx_lm import load
from mlx_lm.utils import infer_quant_config, load_model

from mlxkit.core.schemes import parse
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.architectures import architectures, loaded_weights, write

TOKENS = [[3, 141, 59, 265, 358, 97, 93, 238, 462, 64, 383, 279]]

TOLERANCE = 5e-5  # float32 sums in another order, for logits of order one; a wrong number shows from 1e-3 on

SCHEMES: dict[str, dict[str, Any]] = {
    "4bit-g64": {"group_size": 64, "bits": 4, "mode": "affine"},
    "3bit-g32": {"group_size": 32, "bits": 3, "mode": "affine"},
    "mxfp4": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
    "nvfp4": {"group_size": 16, "bits": 4, "mode": "nvfp4"},
    "mxfp8": {"group_size": 32, "bits": 8, "mode": "mxfp8"},
}
"""One of each family, with the keys that config.json carries for it."""

COARSENESS = {"4bit-g64": 0.08, "3bit-g32": 0.16, "mxfp4": 0.14, "nvfp4": 0.11, "mxfp8": 0.04}
"""Bound of a layer's error, as a share of its weights' norm, for uniformly distributed weights."""

WITH_EXPERTS = (
    "qwen3_moe",
    "mixtral",
    "deepseek_v2",
    "deepseek_v3",
    "gpt_oss",
    "qwen3_next",
    "granitemoehybrid",
    "jamba",
    "glm4_moe",
    "ernie4_5_moe",
)
NO_EXPERTS_IN_16_BITS = pytest.mark.xfail(
    raises=RuntimeError, reason="[GatherMM::eval] MLX's CPU backend multiplies unquantized experts in float32 only"
)


@dataclass(frozen=True)
class Quantized:
    """A checkpoint, and what `quantize` made of it."""

    name: str
    scheme: str
    source: Path
    written: Path

    def arrays(self) -> dict[str, mx.array]:
        return mx.load(str(self.written / "model.safetensors"))


@pytest.fixture(scope="module", autouse=True)
def _on_the_cpu() -> Iterator[None]:
    """Sums in another order on another device, and experts that are close to a tie."""
    device = mx.default_device()
    mx.set_default_device(mx.cpu)
    yield
    mx.set_default_device(device)


@pytest.fixture(
    scope="module",
    params=[(name, scheme) for name in architectures() for scheme in SCHEMES],
    ids="-".join,
)
def quantized(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _on_the_cpu: None) -> Quantized:
    name, scheme = request.param
    folder = tmp_path_factory.mktemp(f"{name}-{scheme}")
    made = Quantized(name, scheme, write(name, folder / "source"), folder / "small")
    quantize(QuantizePlan(str(made.source), made.written, (parse(scheme),)))
    return made


def logits(model: nn.Module) -> np.ndarray:
    return np.array(model(mx.array(TOKENS)).astype(mx.float32))


def units(model: nn.Module) -> dict[str, nn.Module]:
    """What MLX can quantize, by its path."""
    modules = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    return {path: module for path, module in modules if hasattr(module, "to_quantized")}


class InFloat32(nn.Module):
    """An embedding whose rows are float32: the floating schemes' are bfloat16, exactly, whatever the model's dtype."""

    def __init__(self, embedding: nn.Module) -> None:
        super().__init__()
        self.embedding = embedding

    def __call__(self, tokens: mx.array) -> mx.array:
        return self.embedding(tokens).astype(mx.float32)

    def as_linear(self, hidden: mx.array) -> mx.array:
        return self.embedding.as_linear(hidden)


def in_float32(model: nn.Module) -> nn.Module:
    """A quantized model that computes in float32 from the first layer on."""
    model.set_dtype(mx.float32)
    embeddings = [
        (path, InFloat32(module))
        for path, module in tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
        if isinstance(module, nn.QuantizedEmbedding)
    ]
    model.update_modules(tree_unflatten(embeddings))
    return model


def dequantized(arrays: dict[str, mx.array], model: nn.Module) -> dict[str, mx.array]:
    """The weights that the arrays of a quantized checkpoint stand for, float32."""
    wide = {
        name: array.astype(mx.float32) if mx.issubdtype(array.dtype, mx.floating) else array
        for name, array in arrays.items()
    }
    for path, module in units(model).items():
        if f"{path}.scales" in wide:
            keys = infer_quant_config(path, module, arrays)
            scales, biases = wide.pop(f"{path}.scales"), wide.pop(f"{path}.biases", None)
            wide[f"{path}.weight"] = mx.dequantize(wide[f"{path}.weight"], scales, biases, **keys, dtype=mx.float32)
    return wide


def cast(model: nn.Module, dtype: mx.Dtype) -> nn.Module:
    """Cast as `mlx_lm.convert` does."""
    wanted = getattr(model, "cast_predicate", lambda _: True)
    model.update(
        tree_map_with_path(
            lambda path, array: (
                array.astype(dtype) if wanted(path) and mx.issubdtype(array.dtype, mx.floating) else array
            ),
            model.parameters(),
        )
    )
    return model


@pytest.mark.parametrize("name", architectures())
def test_stock_mlx_lm_reads_the_weights_that_were_meant(name: str, tmp_path: Path) -> None:
    model, _ = load_model(write(name, tmp_path))
    found, expected = dict(tree_flatten(model.parameters())), loaded_weights(name)
    assert found.keys() == expected.keys()
    assert [path for path in found if not np.array_equal(np.array(found[path]), expected[path])] == []
    assert 0.5 < logits(model).std() < 3


@pytest.mark.parametrize("name", architectures())
def test_the_same_architecture_is_the_same_bytes(name: str, tmp_path: Path) -> None:
    one, other = write(name, tmp_path / "one"), write(name, tmp_path / "other")
    assert [path.read_bytes() for path in sorted(one.iterdir())] == [
        path.read_bytes() for path in sorted(other.iterdir())
    ]


@pytest.mark.parametrize("name", architectures())
def test_a_float32_copy_computes_exactly_what_its_source_does(name: str, tmp_path: Path) -> None:
    source = write(name, tmp_path / "source")
    convert(ConvertPlan(str(source), tmp_path / "copy", dtype="float32"))
    copy, _ = load(str(tmp_path / "copy"))
    expected, _ = load(str(source))
    assert np.array_equal(logits(copy), logits(expected))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=NO_EXPERTS_IN_16_BITS if name in WITH_EXPERTS else ()) for name in architectures()],
)
def test_a_bfloat16_copy_computes_exactly_what_its_source_does_when_cast(name: str, tmp_path: Path) -> None:
    source = write(name, tmp_path / "source")
    convert(ConvertPlan(str(source), tmp_path / "copy", dtype="bfloat16"))
    copy, _ = load_model(tmp_path / "copy")
    expected, _ = load_model(source)
    assert np.array_equal(logits(copy), logits(cast(expected, mx.bfloat16)))


def test_stock_mlx_lm_computes_with_the_numbers_in_the_file(quantized: Quantized) -> None:
    found, _ = load(str(quantized.written))
    expected, _ = load_model(quantized.source)
    expected.load_weights(list(dequantized(quantized.arrays(), expected).items()))
    assert np.allclose(logits(in_float32(found)), logits(expected), rtol=0, atol=TOLERANCE)


def test_no_layer_loses_more_than_its_scheme_has_to(quantized: Quantized) -> None:
    model, _ = load_model(quantized.source)
    weights = dequantized(quantized.arrays(), model)
    errors = {}
    for path, module in units(model).items():
        error = mx.linalg.norm((weights[f"{path}.weight"] - module.weight).reshape(-1))
        errors[path] = (error / mx.linalg.norm(module.weight.reshape(-1))).item()
    assert {path: error for path, error in errors.items() if error > COARSENESS[quantized.scheme]} == {}


def test_the_config_names_every_layer_that_departs_from_the_scheme_and_nothing_else(quantized: Quantized) -> None:
    model, arrays = load_model(quantized.source, lazy=True)[0], quantized.arrays()
    entry: dict[str, Any] = dict(SCHEMES[quantized.scheme])
    for path, module in units(model).items():
        found = infer_quant_config(path, module, arrays) if f"{path}.scales" in arrays else False
        if found != SCHEMES[quantized.scheme]:
            entry[path] = found
    config = json.loads((quantized.written / "config.json").read_text())
    assert config["quantization"] == entry
    assert config["quantization_config"] == entry


def test_the_matrix_meets_layers_that_no_group_size_divides_and_layers_with_a_floor_of_their_own(
    tmp_path: Path,
) -> None:
    narrow = quantize(QuantizePlan(str(write("phi3", tmp_path / "phi3")), tmp_path / "narrow", (parse("4bit-g64"),)))
    assert [skip.path for skip in narrow.points[0].layout.skipped] == [
        f"model.layers.{layer}.mlp.down_proj" for layer in (0, 1)
    ]
    routed = quantize(QuantizePlan(str(write("jamba", tmp_path / "jamba")), tmp_path / "routed", (parse("4bit-g64"),)))
    assert routed.points[0].layout.exceptions == {"model.layers.1.feed_forward.router": parse("8bit-g64")}
