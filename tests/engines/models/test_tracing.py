"""What tracing says of weights and caches, against what is written and what is computed."""

import itertools
import json
import os

import mlx.core as mx
import pytest
from mlx import nn
from mlx_lm.models import dbrx, llama4
from mlx_lm.models.cache import KVCache, RotatingKVCache, make_prompt_cache

from mlxkit.core.errors import CheckpointError, MlxkitError
from mlxkit.core.progress import Silent
from mlxkit.core.schemes import parse
from mlxkit.core.trials import Workload
from mlxkit.engines import models, store
from mlxkit.engines.models.caching import cache_bytes, measured
from mlxkit.engines.models.tracing import trace, weights
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.architectures import architectures, config_of, loaded_weights, write

SCHEMES = ("4bit-g64", "3bit-g32", "nvfp4")

FEW_BYTES = 100_000
"""Constants that classes compute when they are made; the smallest model has more, even quantized, in its weights."""

PROMPTS = ((1, 3, 2048), (9, 5, 4), (300, 2, 128))
"""Tokens of the prompt, tokens decoded, and the step of the prefill: below, at and far beyond the sliding windows."""


def read(folder):
    return store.read(str(folder), folder).sound()


def computed(model, prompt, decoded, step, batch):
    """What a real cache takes after the prompt and after each decoded token."""
    cache = make_prompt_cache(model)
    tokens = mx.zeros((batch, prompt + decoded), mx.int32)
    cuts = [*range(0, prompt - 1, step), *range(prompt - 1, prompt + decoded + 1)]
    for start, end in itertools.pairwise(cuts):
        mx.eval(model(tokens[:, start:end], cache=cache))
        if end >= prompt:
            yield measured(cache)


def changed(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return store.read(str(folder), folder)


@pytest.mark.parametrize("name", architectures())
def test_weights_are_those_that_quantize_writes(name, tmp_path):
    source = read(write(name, tmp_path / "source"))
    schemes = [parse(scheme) for scheme in SCHEMES]
    written = []
    for scheme in schemes:
        quantize(QuantizePlan(str(source.folder), tmp_path / scheme.name, (scheme,)))
        written.append(read(tmp_path / scheme.name).size_bytes)
    assert list(weights(source, schemes)) == written
    assert [trace(source, scheme=scheme).weight_bytes for scheme in schemes] == written


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_scales_and_the_rest_have_the_dtype_that_was_asked_for(dtype, tmp_path):
    source, scheme = read(write("falcon_h1", tmp_path / "source")), parse("4bit-g32")
    quantize(QuantizePlan(str(source.folder), tmp_path / "small", (scheme,), dtype=dtype))
    written = read(tmp_path / "small").size_bytes
    assert weights(source, [scheme], dtype) == (written,)
    assert trace(source, dtype, scheme).weight_bytes == written


# No experts in 16 bits: `convert` compares logits, and MLX's CPU backend multiplies such experts in float32 only.
@pytest.mark.parametrize(
    ("name", "dtype"),
    [("deepseek_v3", None), ("gemma3_text", None), ("gemma3_text", "bfloat16"), ("mamba2", "float16")],
)
def test_weights_are_those_that_convert_writes(name, dtype, tmp_path):
    source = read(write(name, tmp_path / "source"))
    convert(ConvertPlan(str(source.folder), tmp_path / "copy", dtype=dtype))
    assert trace(source, dtype).weight_bytes == read(tmp_path / "copy").size_bytes


@pytest.mark.parametrize("name", ["llama", "deepseek_v3", "jamba"])
def test_what_is_quantized_counts_as_it_is_stored_or_as_it_would_be_again(name, tmp_path):
    source = read(write(name, tmp_path / "source"))
    quantize(QuantizePlan(str(source.folder), tmp_path / "small", (parse("mxfp8"),)))
    quantize(QuantizePlan(str(tmp_path / "small"), tmp_path / "again", (parse("3bit"),), requantize=True))
    small, again = read(tmp_path / "small"), read(tmp_path / "again")
    assert trace(small).weight_bytes == small.size_bytes
    assert trace(small, scheme=parse("3bit")).weight_bytes == again.size_bytes
    assert weights(small, [parse("3bit")]) == (again.size_bytes,)


@pytest.mark.parametrize("name", architectures())
def test_a_model_is_counted(name, tmp_path):
    source = read(write(name, tmp_path / "source"))
    count = sum(array.size for array in loaded_weights(name).values())
    traced = [trace(source), trace(source, scheme=parse("3bit-g32"))]
    assert [one.parameters for one in traced] == [count] * 2
    assert [one.layers for one in traced] == [config_of(name)["num_hidden_layers"]] * 2
    assert {one.is_mixture for one in traced} == {any("experts" in key for key in config_of(name))}


@pytest.mark.parametrize("name", architectures())
def test_a_cache_is_what_a_model_really_fills(name, tmp_path):
    source = read(write(name, tmp_path / "it"))
    traced, real = trace(source), models.open_model(source).model
    for prompt, decoded, step in PROMPTS:
        first, *_, last = computed(real, prompt, decoded, step, batch=2)
        assert traced.cache_bytes(prompt, 2, prefill_step=step) == first
        assert traced.cache_bytes(prompt + decoded, 2, prefill_step=step).content == last.content


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "deepseek_v2", "qwen3_next", "falcon_h1"])
@pytest.mark.parametrize("scheme", ["mxfp4", "4bit-g32"])
def test_a_quantized_model_fills_its_cache_in_its_own_dtypes(name, scheme, tmp_path):
    source = read(write(name, tmp_path / "source"))
    quantize(QuantizePlan(str(source.folder), tmp_path / "small", (parse(scheme),), dtype="float16"))
    timing = models.load_for_timing(read(tmp_path / "small"), trust_remote_code=False, progress=Silent())
    found = timing.run(Workload(20, 4, batch=2), iter(range(100)).__next__, seed=1).cache_bytes
    traced = trace(source, "float16", parse(scheme))
    assert tuple(traced.cache_bytes(tokens, 2).content for tokens in (20, 23)) == found


def test_room_is_set_aside_in_steps_and_a_window_has_an_end(tmp_path):
    traced = trace(read(write("gemma3_text", tmp_path / "it")))
    per_token = traced.cache_bytes(1).content // 2  # of one of its two layers; the other has a window of 8
    assert [traced.cache_bytes(tokens).content // per_token for tokens in (8, 9, 1_000_001)] == [16, 17, 1_000_009]
    assert [traced.cache_bytes(tokens).allocated // per_token for tokens in (257, 1_000_001)] == [520, 1_000_200]


def test_a_class_with_a_cache_of_another_kind_is_called_chunk_by_chunk():
    text = {
        "attention_bias": False,
        "attention_chunk_size": 16,
        "head_dim": 16,
        "hidden_size": 32,
        "interleave_moe_layer_step": 2,
        "intermediate_size": 64,
        "intermediate_size_mlp": 64,
        "max_position_embeddings": 256,
        "model_type": "llama4_text",
        "num_attention_heads": 2,
        "num_experts_per_tok": 1,
        "num_hidden_layers": 4,
        "num_key_value_heads": 1,
        "num_local_experts": 2,
        "rms_norm_eps": 1e-6,
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "use_qk_norm": True,
        "vocab_size": 64,
    }
    model = llama4.Model(llama4.ModelArgs.from_dict({"model_type": "llama4", "text_config": text}))
    for prompt, decoded, step in PROMPTS:
        first, *_, last = computed(model, prompt, decoded, step, batch=2)
        assert cache_bytes(model, prompt, 2, prefill_step=step) == first
        assert cache_bytes(model, prompt + decoded, 2, prefill_step=step).content == last.content
    assert last.content < last.allocated
    layers, rows, tokens, keys_and_values, head_bytes = 4, 2, 10, 2, 16 * 4
    assert cache_bytes(model, tokens, rows).content == layers * rows * tokens * keys_and_values * head_bytes


class TwoWindows(nn.Module):
    """Layers with windows of two sizes, and one whose cache stays empty."""

    def make_cache(self):
        return [RotatingKVCache(max_size=4), RotatingKVCache(max_size=8), KVCache()]

    def __call__(self, tokens, cache):
        rows, count = tokens.shape
        for layer in cache[:2]:
            layer.update_and_fetch(mx.zeros((rows, 1, count, 16)), mx.zeros((rows, 1, count, 32)))
        return mx.zeros((rows, count, 64))


def test_layers_are_told_apart_by_their_windows():
    for prompt, decoded, step in PROMPTS:
        first, *_ = computed(TwoWindows(), prompt, decoded, step, batch=1)
        assert cache_bytes(TwoWindows(), prompt, 1, prefill_step=step) == first
    assert first.content == (4 + 8) * (16 + 32) * 4


def test_a_class_that_wants_to_see_values_is_refused():
    arguments = dbrx.ModelArgs(
        model_type="dbrx",
        vocab_size=64,
        d_model=32,
        ffn_config={"ffn_hidden_size": 32, "moe_num_experts": 2, "moe_top_k": 1},
        attn_config={"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 10000.0},
        n_layers=1,
        n_heads=2,
    )
    model = dbrx.Model(arguments)
    model.eval()
    with pytest.raises(ValueError, match="eval"):
        cache_bytes(model, 4, 1)


@pytest.mark.parametrize("name", architectures())
def test_nothing_is_evaluated_and_the_weights_may_be_holes(name, tmp_path):
    folder = write(name, tmp_path / "it")
    expected = trace(read(folder), scheme=parse("4bit"))
    shard = folder / "model.safetensors"
    size_bytes = shard.stat().st_size
    with shard.open("rb") as opened:
        header_bytes = 8 + int.from_bytes(opened.read(8), "little")
    os.truncate(shard, header_bytes)
    os.truncate(shard, size_bytes)
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    found = trace(read(folder), scheme=parse("4bit"))
    assert found.weight_bytes == expected.weight_bytes > FEW_BYTES
    assert found.cache_bytes(5000, 4) == expected.cache_bytes(5000, 4)
    assert mx.get_peak_memory() - before < FEW_BYTES


MALFORMED = [
    {"num_hidden_layers": -1},
    {"num_hidden_layers": 0},
    {"num_hidden_layers": 10**9},
    {"num_hidden_layers": "2"},
    {"num_hidden_layers": None},
    {"num_attention_heads": 3},
    {"num_attention_heads": 0, "head_dim": None},
    {"num_key_value_heads": 3},
    {"num_key_value_heads": "2"},
    {"num_key_value_heads": 10**9},
    {"hidden_size": "128"},
    {"hidden_size": -128},
    {"hidden_size": 10**18},
    {"vocab_size": 10**9},
    {"vocab_size": [640]},
    {"head_dim": -32},
    {"intermediate_size": 2.5},
    {"rope_theta": "large"},
    {"rope_scaling": {"type": "no such"}},
    {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": "8"},
    {"layer_types": ["full_attention"]},
]


@pytest.mark.parametrize("changes", MALFORMED, ids=str)
def test_a_malformed_config_is_one_sentence_and_takes_no_memory(changes, tmp_path):
    folder = write("llama", tmp_path / "it")
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    with pytest.raises(MlxkitError) as raised:
        trace(changed(folder, **changes)).cache_bytes(5000)
    assert raised.value.message.endswith(".")
    assert "\n" not in raised.value.message
    assert raised.value.hint
    assert mx.get_peak_memory() - before < FEW_BYTES


def test_an_architecture_that_mlx_lm_lacks_is_named(tmp_path):
    source = changed(write("llama", tmp_path / "it"), model_type="no_such_model")
    with pytest.raises(CheckpointError, match="mlx-lm has no architecture 'no_such_model'"):
        trace(source)
    with pytest.raises(CheckpointError, match="mlx-lm has no architecture 'no_such_model'"):
        weights(source, [parse("4bit")])
