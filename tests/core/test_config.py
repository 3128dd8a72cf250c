"""A config means the same to old readers, new readers and mlx-lm, and garbage is refused with one sentence."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxkit.core.config import caveats, normalize, unread
from mlxkit.core.errors import CheckpointError

GOLDENS = sorted((Path(__file__).resolve().parents[1] / "golden" / "parity").glob("*.json"))
CONFIGS = [
    golden[style] for path in GOLDENS for golden in [json.loads(path.read_text())] for style in ("modern", "classic")
]
CONFIGS = [config for config in CONFIGS if config is not None]
KEYS = sorted(
    {key for config in CONFIGS for key in config} | {"text_config", "rope_local_base_freq", "mlp_layer_types"}
)
ROPE_KEYS = ["rope_theta", "rope_type", "type", "factor", "attention_factor", "partial_rotary_factor", "mscale"]
ROPE_KEYS += ["original_max_position_embeddings", "full_attention", "sliding_attention", "mrope_section", "__float__"]
TYPES = sorted({config["model_type"] for config in CONFIGS})

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
names = st.sampled_from(
    ["full_attention", "sliding_attention", "linear_attention", "dense", "sparse", "yarn", "longrope"]
)
values = st.recursive(
    scalars | names,
    lambda inner: (
        st.lists(inner | names, max_size=4) | st.dictionaries(st.sampled_from(ROPE_KEYS) | st.text(), inner, max_size=6)
    ),
    max_leaves=12,
)
configs = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), values, max_size=12)


def test_theta_is_where_old_and_new_readers_look() -> None:
    modern = normalize({"model_type": "llama", "rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}})
    assert modern.config["rope_theta"] == 5e5
    assert modern.config["rope_scaling"] is None
    assert "rope_theta = 500000.0 taken from rope_parameters" in modern.changes
    classic = normalize({"model_type": "llama", "rope_theta": 5e5, "rope_scaling": None})
    assert classic.config["rope_parameters"] == {"rope_theta": 5e5, "rope_type": "default"}


def test_scaling_keeps_its_kind_under_both_names() -> None:
    rope = {"rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}
    scaling = normalize({"model_type": "llama", "rope_parameters": rope}).config["rope_scaling"]
    assert scaling == {"type": "llama3", "rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}


def test_scaling_of_an_older_config_reaches_newer_readers() -> None:
    config = {"model_type": "qwen2", "rope_theta": 1e6, "max_position_embeddings": 32768}
    found = normalize(config | {"rope_scaling": {"type": "yarn", "factor": 4.0}}).config
    length = {"original_max_position_embeddings": 32768}
    assert found["rope_scaling"] == {"type": "yarn", "rope_type": "yarn", "factor": 4.0} | length
    assert found["rope_parameters"] == {"rope_theta": 1e6, "rope_type": "yarn", "factor": 4.0} | length


def test_rope_type_wins_over_type_and_rope_scaling_over_rope_parameters() -> None:
    scaling = {"type": "linear", "rope_type": "yarn", "factor": 2.0}
    parameters = {"rope_theta": 7.0, "rope_type": "default", "factor": 3.0}
    config = {"model_type": "llama", "rope_theta": 9.0, "rope_scaling": scaling, "rope_parameters": parameters}
    found = normalize(config).config
    assert found["rope_scaling"]["type"] == found["rope_scaling"]["rope_type"] == "yarn"
    assert found["rope_scaling"]["factor"] == found["rope_parameters"]["factor"] == 2.0
    assert found["rope_theta"] == found["rope_parameters"]["rope_theta"] == 9.0


def test_yarn_attention_factor_becomes_the_mscale_that_gives_it() -> None:
    rope = {"rope_theta": 1e4, "rope_type": "yarn", "factor": 4.0, "attention_factor": 1.4}
    scaling = normalize({"model_type": "llama", "rope_parameters": rope}).config["rope_scaling"]
    assert 0.1 * scaling["mscale"] * 1.3862943611198906 + 1.0 == pytest.approx(1.4)


def test_phi3_scaling_has_the_three_fields_that_transformers_4_allows() -> None:
    rope = {"rope_theta": 1e4, "rope_type": "longrope", "short_factor": [1.0], "long_factor": [2.0]}
    rope |= {"original_max_position_embeddings": 4096, "partial_rotary_factor": 1.0}
    found = normalize({"model_type": "phi3", "rope_parameters": rope}).config
    assert found["rope_scaling"] == {"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]}
    assert found["original_max_position_embeddings"] == 4096


def test_rope_parameters_per_kind_of_layer() -> None:
    full = {"rope_theta": 1e6, "rope_type": "linear", "factor": 8.0}
    sliding = {"rope_theta": 1e4, "rope_type": "default"}
    modern = {"model_type": "gemma3_text", "rope_parameters": {"full_attention": full, "sliding_attention": sliding}}
    found = normalize(modern).config
    assert (found["rope_theta"], found["rope_local_base_freq"]) == (1e6, 1e4)
    assert found["rope_scaling"] == {"type": "linear", "rope_type": "linear", "factor": 8.0}
    assert found["rope_parameters"] == modern["rope_parameters"]
    classic = {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    assert normalize({"model_type": "gemma3_text", **classic}).config["rope_parameters"] == modern["rope_parameters"]


def test_one_rope_is_not_written_where_newer_readers_want_one_per_kind() -> None:
    assert "rope_parameters" not in normalize({"model_type": "gemma4_text", "rope_theta": 1e4}).config


@pytest.mark.parametrize(("key", "other"), [("dtype", "torch_dtype"), ("num_experts", "num_local_experts")])
def test_each_of_two_names_is_filled_from_the_other(key: str, other: str) -> None:
    assert normalize({"model_type": "qwen3_moe", key: 8 if "num" in key else "bfloat16"}).config[other]
    assert normalize({"model_type": "qwen3_moe", other: 8 if "num" in key else "bfloat16"}).config[key]
    differing = {"model_type": "qwen3_moe", key: "a", other: "b"}
    assert normalize(differing).config | differing == normalize(differing).config


@pytest.mark.parametrize(
    ("types", "pattern"),
    [("SF", 2), ("SSFSSF", 3), ("SSSFS", 4), ("SS", 3), ("FF", 1), ("FS", None), ("SFSSF", None)],
)
def test_layer_types_become_the_count_that_says_the_same(types: str, pattern: int | None) -> None:
    names = [{"S": "sliding_attention", "F": "full_attention"}[letter] for letter in types]
    found = normalize({"model_type": "cohere2", "layer_types": names}).config
    assert found.get("sliding_window_pattern") == pattern
    assert bool(caveats(found)) == (pattern is None)


def test_what_transformers_assumes_and_mlx_lm_does_not_is_written_down() -> None:
    found = normalize({"model_type": "qwen2", "rope_parameters": {"rope_type": "default"}})
    assert found.config["rope_theta"] == 10000.0
    assert found.config["tie_word_embeddings"] is False
    assert normalize({"model_type": "qwen2", "rope_theta": 5.0}).config["rope_theta"] == 5.0


def test_infinity_becomes_a_number_that_json_has() -> None:
    config = {"model_type": "mamba2", "time_step_limit": [0.0, {"__float__": "Infinity"}]}
    found = normalize(config).config
    assert found["time_step_limit"] == [0.0, 3.4028234663852886e38]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_text_config_of_a_wrapper_is_normalized_too() -> None:
    text = {"model_type": "gemma3_text", "layer_types": ["sliding_attention", "full_attention"], "dtype": "float16"}
    found = normalize({"model_type": "gemma3", "text_config": text})
    assert found.config["text_config"]["sliding_window_pattern"] == 2
    assert found.config["text_config"]["torch_dtype"] == "float16"
    assert "text_config: sliding_window_pattern = 2 taken from layer_types" in found.changes


@pytest.mark.parametrize(("kind", "tied"), [("qwen2_5_vl", True), ("mistral3", False)])
def test_the_wrapper_says_whether_embeddings_are_tied_unless_it_is_known_to_err(kind: str, tied: bool) -> None:
    text = {"model_type": "qwen2", "tie_word_embeddings": False}
    config = {"model_type": kind, "tie_word_embeddings": True, "text_config": text}
    assert normalize(config).config["text_config"]["tie_word_embeddings"] is tied


def test_vocabulary_and_heads_are_where_gemma_classes_look() -> None:
    layers = {"model_type": "gemma4_text", "layer_types": ["sliding_attention", "full_attention"], "head_dim": 256}
    text = layers | {"vocab_size": 128, "per_layer_config": {"1": {"head_dim": 512}}}
    found = normalize({"model_type": "gemma4", "text_config": text}).config
    assert found["vocab_size"] == 128
    assert found["text_config"]["global_head_dim"] == 512
    assert normalize(layers | {"per_layer_config": {}}).config["global_head_dim"] == 256


def test_rope_scaling_per_kind_of_layer_is_read_as_rope_parameters() -> None:
    kinds = {"full_attention": {"rope_theta": 7.0}, "sliding_attention": {"rope_theta": 5.0}}
    found = normalize({"model_type": "gemma4_text", "rope_scaling": kinds}).config
    assert found["rope_parameters"] == kinds
    assert (found["rope_theta"], found["rope_local_base_freq"]) == (7.0, 5.0)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ([], "where an object is expected"),
        (None, "where an object is expected"),
        ({}, "names no model_type"),
        ({"model_type": 3}, "names no model_type"),
        ({"model_type": "llama", "rope_parameters": "yarn"}, "rope_parameters is 'yarn' where an object"),
        ({"model_type": "llama", "rope_scaling": [1]}, "rope_scaling is"),
        ({"model_type": "llama", "text_config": 1}, "text_config is 1"),
        ({"model_type": "llama", "rope_parameters": {"rope_theta": "10000"}}, "rope_theta is '10000' where a number"),
        ({"model_type": "llama", "rope_parameters": {"rope_type": 3}}, "rope_type is 3 where a string"),
        ({"model_type": "llama", "layer_types": "full"}, "layer_types is 'full' where a list"),
        ({"model_type": "llama", "layer_types": [1]}, "layer_types lists 1"),
        ({"model_type": "llama", "hidden_size": "64"}, "hidden_size is '64' where a number"),
        ({"model_type": "x", "text_config": {"model_type": 1}}, "text_config: model_type is 1"),
    ],
)
def test_garbage_is_refused_in_one_sentence(config: Any, words: str) -> None:
    with pytest.raises(CheckpointError, match=words) as caught:
        normalize(config)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_config_nested_without_end_is_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CheckpointError, match="nested too deeply"):
        normalize({"model_type": "llama", "x": deep})


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config["model_type"])
def test_a_real_config_keeps_its_keys_and_is_normalized_once(config: dict[str, Any]) -> None:
    before = copy.deepcopy(config)
    found = normalize(config)
    assert config == before
    assert config.keys() <= found.config.keys()
    assert normalize(found.config).changes == ()
    assert json.loads(json.dumps(found.config)) == found.config


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(values)
def test_any_json_value_is_normalized_or_refused(value: Any) -> None:
    with contextlib.suppress(CheckpointError):
        normalize(value)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(st.sampled_from(TYPES), configs, st.sampled_from(CONFIGS), st.booleans())
def test_any_object_is_normalized_once_or_refused(
    model_type: str, noise: dict[str, Any], real: dict[str, Any], mixed: bool
) -> None:
    config = (real if mixed else {"model_type": model_type}) | noise
    try:
        found = normalize(config)
    except CheckpointError:
        return
    assert config.keys() <= found.config.keys()
    assert normalize(found.config).changes == ()
    caveats(found.config)
    unread(found.config, [])


def test_unread_names_what_changes_the_mathematics() -> None:
    config = {"model_type": "new", "rope_theta": 5.0, "logit_scale": 0.5, "residual_multiplier": 1.0, "use_cache": True}
    assert unread(config, ["rope_theta"]) == ("logit_scale = 0.5 is not read by mlx-lm's model class.",)
    assert unread(config, ["rope_parameters", "logit_scale"]) == ()
    assert len(unread(config, [])) == 2


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "gemma2", "sliding_window": 4096, "max_position_embeddings": 8192}, "exact up to 4096 tokens"),
        ({"model_type": "gemma2", "sliding_window": 4096, "max_position_embeddings": 4096}, None),
        ({"model_type": "qwen2", "sliding_window": 64, "use_sliding_window": False}, None),
        ({"model_type": "qwen2", "sliding_window": 64, "use_sliding_window": True}, "sliding window"),
        ({"model_type": "mistral", "sliding_window": None}, None),
        ({"model_type": "gpt_neox", "hidden_act": "gelu"}, "computes gelu_pytorch_tanh where gelu is asked for"),
        ({"model_type": "llama", "hidden_act": "silu"}, None),
        ({"model_type": "llava", "text_config": {"model_type": "gemma2", "sliding_window": 8}}, "sliding window"),
    ],
)
def test_caveats_are_said_when_they_matter(config: dict[str, Any], words: str | None) -> None:
    said = caveats(config)
    assert (said == ()) if words is None else (words in said[0])
