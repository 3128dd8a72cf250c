"""What a model's graph says of memory, against what MLX allocates."""

from dataclasses import replace

import mlx.core as mx
import pytest
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.models import gemma3_text, llama, phi3
from mlx_lm.models.cache import make_prompt_cache

from mlxkit.core.fitting import PREFILL_STEP, gpu_workspace_bytes, workspace_bytes
from mlxkit.engines import models, store
from mlxkit.engines.models.caching import cache_bytes
from mlxkit.engines.models.graphing import Graph
from mlxkit.engines.models.tracing import trace
from tests.fakes.architectures import write
from tests.fakes.sparse import attention, qwen3, write_sparse

SIZES = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 512,
    "rms_norm_eps": 1e-6,
    "sliding_window": 256,
    "sliding_window_pattern": 2,
}
CLASSES = {"llama": llama, "gemma3_text": gemma3_text, "phi3": phi3}
CHUNKS = ((600, 0), (200, 700))
NEAR = 0.2
"""How far the peak may be off: how far the worker has come when the main thread stops to wait is chance."""


def model(name):
    """Return a model in float32: in bfloat16 it is the same operations, and MLX multiplies far more slowly."""
    found = CLASSES[name]
    made = found.Model(found.ModelArgs.from_dict({**SIZES, "model_type": name}))
    made.eval()
    return made


def peak_of(made, tokens, before):
    """What MLX holds at the peak of one chunk, beside weights and the cache that it ends with."""
    cache = make_prompt_cache(made)
    prompt = mx.zeros((1, before + tokens), mx.int32)
    mx.eval(prompt)
    for start, end in ((0, before), (before, before + tokens)):
        mx.synchronize()
        mx.clear_cache()
        mx.reset_peak_memory()
        if end > start:
            made(prompt[:, start:end], cache=cache)
            mx.eval([layer.state for layer in cache])
    return mx.get_peak_memory() - mx.get_active_memory()


@pytest.mark.parametrize("name", CLASSES)
def test_a_chunk_holds_what_mlx_holds(name):
    made = model(name)
    mx.eval(made.parameters())
    for tokens, before in CHUNKS:
        found = Graph(made).chunk(tokens, before, 1)
        real = peak_of(made, tokens, before)
        assert found.work_bytes == pytest.approx(real, rel=NEAR)


def test_no_weight_is_read_and_the_model_is_left_as_it_was():
    made = model("llama")
    before, held = dict(tree_flatten(made.parameters())), mx.get_active_memory()
    mx.reset_peak_memory()
    graph = Graph(made)
    taken = [graph.workspace_bytes(tokens, 2) for tokens in (1, 300, 2048, 2049, 5000, 40_000, 10**6)]
    assert taken[0] == 0
    assert taken == sorted(taken)
    assert mx.get_peak_memory() - held < 100_000
    after = dict(tree_flatten(made.parameters()))
    assert all(after[name] is array for name, array in before.items())


def test_rows_side_by_side_take_as_many_times_as_much():
    graph = Graph(model("llama"))
    one, four = (graph.chunk(1024, 0, batch) for batch in (1, 4))
    assert four.cache_bytes == 4 * one.cache_bytes
    assert four.work_bytes == pytest.approx(4 * one.work_bytes, rel=0.1)


def test_what_lies_between_two_contexts_is_near_what_is_there():
    graph = Graph(model("llama"))
    for tokens in (1000, 3500, 4097):
        chunks, rest = divmod(tokens - 1, PREFILL_STEP)
        parts = [graph.chunk(rest, chunks * PREFILL_STEP, 1).work_bytes]
        if chunks:
            whole = graph.chunk(PREFILL_STEP, (chunks - 1) * PREFILL_STEP, 1)
            grown = cache_bytes(graph._model, tokens, 1).allocated - whole.cache_bytes
            parts.append(whole.work_bytes - grown)
        assert graph.workspace_bytes(tokens, 1) == pytest.approx(max(parts), rel=0.05)


def test_plain_numbers_take_twice_the_room_of_half_ones(tmp_path):
    shapes = {"model.embed_tokens.weight": (512, 1024), "model.norm.weight": (1024,)}
    for layer in range(2):
        prefix = f"model.layers.{layer}"
        shapes |= attention(prefix, 1024, 8, 2)
        shapes |= {f"{prefix}.mlp.{name}_proj.weight": (2048, 1024) for name in ("gate", "up")}
        shapes |= {f"{prefix}.mlp.down_proj.weight": (1024, 2048)}
    config = {**qwen3(2, 1024, 8, 2, 512, tied=True), "intermediate_size": 2048}
    folder = write_sparse(tmp_path / "it", config, shapes)
    traced = trace(store.read(str(folder), folder).sound())
    half, plain = (traced.workspace_bytes(2048, on_cpu=True, is_plain=plain) for plain in (False, True))
    assert 1.5 * half < plain < 2.1 * half
    assert traced.workspace_bytes(2048, on_cpu=False) == gpu_workspace_bytes(2048, 1)


@pytest.mark.parametrize("name", ["deepseek_v3", "falcon_h1", "gemma2", "gpt_oss", "mamba2", "qwen3_moe"])
def test_every_kind_of_layer_holds_what_mlx_holds(name, tmp_path):
    folder = write(name, tmp_path / "it")
    checkpoint = store.read(str(folder), folder).sound()
    held = mx.get_active_memory()
    mx.reset_peak_memory()
    traced = trace(checkpoint)
    found = Graph(traced.model).chunk(512, 0, 1)
    assert mx.get_peak_memory() - held < 200_000
    real = models.open_model(checkpoint).model
    mx.eval(real.parameters())
    assert found.work_bytes == pytest.approx(peak_of(real, 512, 0), rel=NEAR)


def test_a_graph_that_mlx_cannot_hand_out_is_no_failure(tmp_path):
    folder = write("qwen3_next", tmp_path / "it")
    assert trace(store.read(str(folder), folder).sound()).workspace_bytes(300, on_cpu=True) > 0


def test_widths_tell_it_where_there_is_no_graph(tmp_path):
    folder = write("llama", tmp_path / "it")
    traced = trace(store.read(str(folder), folder).sound())
    config = traced.checkpoint.config
    without = replace(traced, model=nn.Linear(2, 2))
    expected = workspace_bytes(config, 300, 1, on_cpu=True, is_quantized=False)
    assert without.workspace_bytes(300, on_cpu=True) == expected > 0
    assert without.workspace_bytes(300, on_cpu=True, is_plain=True) == 2 * expected
