"""A checkpoint's config.json, made to mean the same to every reader.

transformers 5 renamed keys (`rope_theta` moved into `rope_parameters`, `num_experts` became `num_local_experts`), while
mlx-lm's model classes read the older names and fall back to a default without a word: the weights load, the logits are
wrong. `normalize` fills each name from the other, so that old readers, new readers and mlx-lm compute the same
function; `unread` and `caveats` say what no renaming mends. Where keys contradict each other, the value that
transformers 5 uses wins. The tables are proved by the goldens in tests/golden/parity.

This module knows JSON values only: no files, no MLX, no model classes.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.errors import CheckpointError

Json = dict[str, Any]

# One value under two names: in every architecture, then in one (transformers 5's name first).
_SYNONYMS = (("dtype", "torch_dtype"), ("num_experts", "num_local_experts"))
_SYNONYMS_OF: Mapping[str, tuple[tuple[str, str], ...]] = {
    "gpt_neox": (("rope_theta", "rotary_emb_base"), ("partial_rotary_factor", "rotary_pct")),
    "lfm2": (("hidden_size", "block_dim"), ("intermediate_size", "block_ff_dim")),
}

_UNTIED = frozenset({
    "exaone4", "falcon_h1", "glm", "glm4_moe", "granite", "granitemoe", "granitemoehybrid", "helium", "jamba", "llama",
    "mamba2", "ministral3", "mistral", "olmo2", "olmoe", "qwen2", "qwen3", "qwen3_moe", "seed_oss",
})  # fmt: skip
_HALF_ROTARY = frozenset({"glm", "glm4", "glm4_moe", "nemotron", "phi"})
# What transformers takes for a key that a config leaves out, where mlx-lm takes another value or demands the key.
_DEFAULTS: tuple[tuple[Collection[str], str, Any], ...] = (
    (_UNTIED, "tie_word_embeddings", False),
    (("ernie4_5", "ernie4_5_moe"), "tie_word_embeddings", True),
    (_HALF_ROTARY, "partial_rotary_factor", 0.5),
    (("gpt_neox", "qwen3_next", "stablelm"), "partial_rotary_factor", 0.25),
    (("cohere2", "gpt_neox", "qwen2", "qwen2_moe", "starcoder2"), "rope_theta", 10000.0),
    (("cohere",), "rope_theta", 500000.0),
    (("smollm3",), "rope_theta", 2000000.0),
    (("seed_oss",), "attention_bias", True),
    (("apertus",), "mlp_bias", False),
    (("apertus",), "post_norm", False),
    (("apertus",), "qk_norm", True),
    (("exaone4",), "sliding_window", 4096),
    (("exaone4",), "sliding_window_pattern", 4),
    (("minimax_m2",), "shared_intermediate_size", 0),
)
# Classes that demand `head_dim`, which transformers derives where a config leaves it out.
_DERIVED_HEAD_DIM = frozenset({"exaone4", "glm4_moe", "qwen3_moe"})
# Classes that count layers (every n-th attends to everything) where transformers lists `layer_types`.
_COUNTED_WINDOWS = frozenset({"cohere2", "exaone4", "gemma3_text"})
_COUNTED_LINEAR = frozenset({"qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next"})
# Wrappers whose class reads the size of the vocabulary beside `text_config`.
_VOCABULARY_ON_TOP = frozenset({"gemma3", "gemma4"})
# Wrappers that transformers 5 calls tied by default, although the checkpoints have a head of their own.
_TIED_IN_DOUBT = frozenset({"kimi_k25", "mistral3"})
# Classes that know the kinds of layers by the names of transformers 4, which transformers 5 reads too.
_OLDER_LAYER_NAMES = frozenset({"granitemoehybrid"})
_OLDER_NAMES = {"linear_attention": "mamba", "full_attention": "attention"}
# transformers 5 keeps rope parameters per kind of layer here, and would misread one set for all.
_ROPE_PER_LAYER = frozenset({
    "gemma3_text", "gemma3n_text", "gemma4_text", "laguna", "mellum", "mimo_v2_flash", "olmo3", "step3p5",
})  # fmt: skip
# Of these, the ones where `rope_scaling` has always meant the layers of full attention.
_SCALES_FULL_ATTENTION = frozenset({"gemma3_text", "gemma3n_text", "olmo3"})
# transformers 4 refuses a `rope_scaling` with any other field here.
_SCALING_FIELDS = {"phi3": ("type", "short_factor", "long_factor"), "olmo2": ("type", "factor")}

# Classes that attend to everything where the config asks for a window; the first ones look at `use_sliding_window` too.
_SWITCHED_WINDOW = frozenset({"qwen2", "qwen2_moe", "qwen3", "qwen3_moe"})
_WINDOWLESS = frozenset({"dots1", "gemma2", "mistral", "mixtral", "phi3", "phimoe", "starcoder2"}) | _SWITCHED_WINDOW
# The activation that a class computes whatever the config says: its name, then other names of the same function.
_SILU = ("silu", "swish")
_GELU = ("gelu", "gelu_python")
_TANH_GELU = ("gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_accurate")
_ACTIVATIONS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (_SILU, ("cohere2", "granite", "llama", "mistral", "mixtral", "olmo2", "phi3", "qwen2", "qwen3", "qwen3_moe")),
    (_GELU, ("gemma", "gpt_bigcode", "starcoder2")),
    (_TANH_GELU, ("gemma2", "gemma3_text", "gpt_neox", "phi")),
)
# Classes that compute something else than transformers, whatever the config says.
_KNOWN_WRONG = {
    "ernie4_5_moe": "leaves out the correction bias of the routers: other experts are chosen",
    "jamba": "normalizes the weights of the chosen experts, which transformers does not",
    "recurrent_gemma": "rotates with theta 10000 whatever the config says",
}
# Keys that change the mathematics without changing any tensor, and the values with which they do not.
_NEUTRAL: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("attn_logit_softcapping", (None,)),
    ("clip_qkv", (None,)),
    ("embedding_multiplier", (None, 1)),
    ("final_logit_softcapping", (None,)),
    ("logit_scale", (None, 1)),
    ("logits_scaling", (None, 1)),
    ("partial_rotary_factor", (None, 1)),
    ("residual_multiplier", (None, 1)),
    ("rope_scaling", (None, {})),
    ("rope_theta", (None,)),
    ("routed_scaling_factor", (None, 1)),
    ("scale_attn_by_inverse_layer_idx", (None, False)),
    ("use_bidirectional_attention", (None, False)),
)
_ORIGINAL_LENGTH = "original_max_position_embeddings"
_ROPE_NUMBERS = ("rope_theta", "partial_rotary_factor", "factor", "attention_factor", _ORIGINAL_LENGTH)
_ROPE_KINDS = ("rope_type", "type")
_FLOAT32_MAX = 3.4028234663852886e38
_INFINITE = {"Infinity": _FLOAT32_MAX, "-Infinity": -_FLOAT32_MAX}


@dataclass(frozen=True)
class Normalized:
    """A config and what was done to it.

    Attributes:
        config: the whole config; a new object that shares nothing with the one read.
        changes: one sentence per key that was filled or corrected.
    """

    config: Json
    changes: tuple[str, ...]


class _Section:
    """The top level of a config, or its `text_config`: its values, and a note of each change."""

    def __init__(self, values: Json, prefix: str, inherited_type: str) -> None:
        self.values = values
        self.prefix = prefix
        self.changes: list[str] = []
        self.model_type: str = self.of("model_type", str, "a string") or inherited_type

    def set(self, key: str, value: Any, source: str) -> None:
        """Write a value and note it, unless it is there already."""
        if key not in self.values or self.values[key] != value:
            self.values[key] = value
            self.changes.append(f"{self.prefix}{key} = {_shown(value)} {source}")

    def fill(self, key: str, value: Any, source: str) -> None:
        """Write a value where there is none; null counts as none."""
        if self.values.get(key) is None and value is not None:
            self.set(key, value, source)

    def of(self, key: str, kind: type | tuple[type, ...], named: str) -> Any:
        """The value under `key`, or None; a value of another kind is refused."""
        return _checked(self.values.get(key), kind, self.prefix + key, named)

    def number(self, key: str) -> Any:
        """A number or None."""
        return self.of(key, (int, float), "a number")

    def whole(self, key: str) -> Any:
        """A whole number or None."""
        self.number(key)
        return self.of(key, int, "a whole number")

    def strings(self, key: str) -> list[str] | None:
        """A list of strings or None."""
        items: list[str] | None = self.of(key, list, "a list")
        for item in items or ():
            if not isinstance(item, str):
                raise CheckpointError(f"config.json: {self.prefix}{key} lists {_shown(item)}, which is no string.")
        return items


def normalize(config: Mapping[str, Any]) -> Normalized:
    """Fill old names from new ones and new from old, in a config and in its `text_config`.

    Args:
        config: as parsed from config.json.

    Returns:
        A config with every key of the one given. Normalizing it again changes nothing.

    Raises:
        CheckpointError: it is no object, names no model type, or holds something else than its keys promise.

    >>> normalize({"model_type": "qwen2", "rope_parameters": {"rope_theta": 5.0}}).config["rope_theta"]
    5.0
    """
    if not isinstance(config, Mapping):
        raise CheckpointError(f"config.json holds {_shown(config)} where an object is expected.")
    if not isinstance(config.get("model_type"), str):
        raise CheckpointError("config.json names no model_type.", hint="is this the folder of a language model?")
    try:
        copied: Json = {key: _finite(value) for key, value in config.items()}
    except RecursionError as error:
        raise CheckpointError("config.json is nested too deeply.") from error
    sections = [_Section(copied, "", "")]
    if sections[0].of("text_config", dict, "an object") is not None:
        sections.append(_Section(copied["text_config"], "text_config: ", sections[0].model_type))
        _fill_wrapper(*sections)
    for section in sections:
        _fill_synonyms(section)
        _fill_defaults(section)
        _fill_rope(section)
        _fill_synonyms(section)
        _fill_layers(section)
        _fill_sizes(section)
    return Normalized(copied, tuple(change for section in sections for change in section.changes))


def _fill_wrapper(top: _Section, text: _Section) -> None:
    """What mlx-lm looks for in one part of a wrapper's config and transformers 5 writes in the other."""
    tied = top.values.get("tie_word_embeddings")
    if isinstance(tied, bool) and top.model_type not in _TIED_IN_DOUBT:
        text.set("tie_word_embeddings", tied, "taken from the wrapper")
    if top.model_type in _VOCABULARY_ON_TOP:
        top.fill("vocab_size", text.number("vocab_size"), "taken from text_config")


def _fill_synonyms(section: _Section) -> None:
    """Each of two names from the other."""
    for pair in (*_SYNONYMS, *_SYNONYMS_OF.get(section.model_type, ())):
        for key, source in (pair, pair[::-1]):
            section.fill(key, section.values.get(source), f"taken from {source}")


def _fill_defaults(section: _Section) -> None:
    """What transformers assumes and mlx-lm does not; `rope_parameters` states its own theta and partial factor."""
    stated = {**section.values, **(section.of("rope_parameters", dict, "an object") or {})}
    for kinds, key, value in _DEFAULTS:
        if section.model_type in kinds and key not in stated:
            section.set(key, value, "is transformers' default for this model type")


def _fill_rope(section: _Section) -> None:
    """The rotary embedding in both styles."""
    parameters = section.of("rope_parameters", dict, "an object") or {}
    scaling = section.of("rope_scaling", dict, "an object") or {}
    if isinstance(section.values.get("rope_theta"), list):
        return  # one theta per layer (step3p5), which transformers 5 has no other name for
    if _is_per_layer(scaling):
        section.set("rope_parameters", parameters := {**parameters, **scaling}, "taken from rope_scaling")
    elif not parameters:
        parameters = _rope_of_two_kinds(section, scaling)
    if _is_per_layer(parameters):
        _fill_rope_per_layer(section, parameters)
        return
    # transformers 5 reads `rope_scaling`, where there is one, in place of `rope_parameters`, and theta beside it.
    beside = {key: section.values[key] for key in _ROPE_NUMBERS[:2] if scaling and section.number(key) is not None}
    rope = _rope({**parameters, **beside, **scaling}, section.prefix)
    if not any(isinstance(value, dict) for value in rope.values()):
        _fill_one_rope(section, rope, scaling)


def _is_per_layer(parameters: Json) -> bool:
    """Whether rope parameters stand under `full_attention` and the like, not bare."""
    return any(isinstance(value, dict) and key.endswith("_attention") for key, value in parameters.items())


def _fill_one_rope(section: _Section, rope: Json, scaling: Json) -> None:
    """One set of rope parameters, for all layers."""
    source = "taken from rope_parameters"
    for key in ("rope_theta", "partial_rotary_factor"):
        if rope.get(key) is not None:
            section.set(key, rope[key], source)
        elif section.number(key) is not None:
            rope[key] = section.values[key]
    _fill_original_length(section, rope)
    if scaling or rope["rope_type"] != "default" or "mrope_section" in rope:
        classic = {**scaling, **_classic_scaling(rope)}
        fields = _SCALING_FIELDS.get(section.model_type, tuple(classic))
        section.set("rope_scaling", {key: classic[key] for key in fields if key in classic}, source)
    elif "rope_theta" in rope and "rope_scaling" not in section.values:
        section.set("rope_scaling", None, "since the rope is not scaled")
    if rope.get("rope_theta") is not None and section.model_type not in _ROPE_PER_LAYER:
        gathered = {**(section.values.get("rope_parameters") or {}), **rope}
        section.set("rope_parameters", gathered, "gathered from the older keys")


def _fill_rope_per_layer(section: _Section, parameters: Json) -> None:
    """Rope parameters of `full_attention` and `sliding_attention`, as gemma3 and olmo3 have them."""
    ropes = {key: _rope(value, section.prefix) for key, value in parameters.items() if isinstance(value, dict)}
    full, sliding = ropes.get("full_attention", {}), ropes.get("sliding_attention", {})
    if full.get("rope_theta") is not None:
        section.set("rope_theta", full["rope_theta"], "taken from rope_parameters.full_attention")
    if sliding.get("rope_theta") is not None:
        section.set("rope_local_base_freq", sliding["rope_theta"], "taken from rope_parameters.sliding_attention")
    if section.model_type in _SCALES_FULL_ATTENTION and full:
        scaling = None if full["rope_type"] == "default" else _classic_scaling(full)
        section.set("rope_scaling", scaling, "taken from rope_parameters.full_attention")


def _rope_of_two_kinds(section: _Section, scaling: Json) -> Json:
    """`rope_parameters` from the older keys of gemma3 and olmo3; empty where the config has none."""
    theta = section.number("rope_theta")
    local = theta if section.model_type == "olmo3" else section.number("rope_local_base_freq")
    if section.model_type not in _ROPE_PER_LAYER or theta is None or local is None:
        return {}
    full = {"rope_theta": theta, **_rope(scaling, section.prefix)}
    kinds = {"full_attention": full, "sliding_attention": {"rope_theta": local, "rope_type": "default"}}
    section.set("rope_parameters", kinds, "gathered from the older keys")
    return kinds


def _fill_original_length(section: _Section, rope: Json) -> None:
    """The context length before stretching, which mlx-lm takes for 4096 or 8192 where it is not said."""
    if rope["rope_type"] not in ("llama3", "longrope", "yarn"):
        return
    above = section.number(_ORIGINAL_LENGTH)  # phi3 states it beside the rope, and transformers prefers that
    length = above or rope.get(_ORIGINAL_LENGTH) or section.number("max_position_embeddings")
    if length is not None:
        rope[_ORIGINAL_LENGTH] = length
    if rope["rope_type"] == "longrope":
        section.fill(_ORIGINAL_LENGTH, length, "taken from rope_parameters")


def _rope(parameters: Json, prefix: str) -> Json:
    """Rope parameters with checked numbers and a `rope_type`, which older configs call `type`."""
    rope = {key: value for key, value in parameters.items() if key != "type"}
    for key in _ROPE_NUMBERS:
        _checked(rope.get(key), (int, float), f"{prefix}rope_parameters.{key}", "a number")
    for key in _ROPE_KINDS:
        _checked(parameters.get(key), str, f"{prefix}rope_parameters.{key}", "a string")
    rope["rope_type"] = kind = parameters.get("rope_type") or parameters.get("type") or "default"
    factor, wanted = rope.get("factor"), rope.get("attention_factor")
    if kind == "yarn" and wanted and factor and factor > 1 and "mscale" not in rope:
        # mlx-lm reads no attention_factor but computes 0.1 mscale ln(factor) + 1 (YaRN, arXiv:2309.00071, 3.4).
        rope["mscale"] = (wanted - 1.0) / (0.1 * math.log(factor))
    return rope


def _classic_scaling(rope: Json) -> Json:
    """`rope_scaling` of the same rope: without theta, and with the kind under both its names."""
    moved = {"rope_theta"} if rope["rope_type"] == "proportional" else {"rope_theta", "partial_rotary_factor"}
    return {"type": rope["rope_type"]} | {key: value for key, value in rope.items() if key not in moved}


def _fill_layers(section: _Section) -> None:
    """What differs from layer to layer, in the form that mlx-lm reads."""
    kind, types, mlp = section.model_type, section.strings("layer_types"), section.strings("mlp_layer_types")
    if kind in _COUNTED_WINDOWS and types and (period := _period(types, "sliding_attention")):
        letters = None if period == 1 else "L" * (period - 1) + "G"
        section.set("sliding_window_pattern", letters if kind == "exaone4" else period, "taken from layer_types")
    if kind in _COUNTED_LINEAR and types and (period := _period(types, "linear_attention")):
        section.set("full_attention_interval", period, "taken from layer_types")
    if kind in _OLDER_LAYER_NAMES and types:
        section.set("layer_types", [_OLDER_NAMES.get(name, name) for name in types], "under their older names")
    if mlp and (dense := mlp.count("dense")) and mlp == ["dense"] * dense + ["sparse"] * (len(mlp) - dense):
        section.fill("first_k_dense_replace", dense, "taken from mlp_layer_types")
    if kind == "gemma4_text" and types:
        _fill_global_heads(section, types)


def _fill_global_heads(section: _Section, types: list[str]) -> None:
    """gemma4's heads in the layers of full attention, which transformers 5 lists layer by layer where they differ."""
    layers = section.of("per_layer_config", dict, "an object")
    if layers is None:
        return
    full = {index for index, name in enumerate(types) if name == "full_attention"}
    global_layers = [layer for key, layer in layers.items() if key.isdecimal() and int(key) in full]
    for key, wanted in (("head_dim", "global_head_dim"), ("num_key_value_heads", "num_global_key_value_heads")):
        found = [layer.get(key) for layer in global_layers if isinstance(layer, dict)]
        value = found[0] if found and found[0] is not None else section.values.get(key)
        section.fill(wanted, value, "taken from per_layer_config")


def _fill_sizes(section: _Section) -> None:
    """Sizes that mlx-lm wants spelled out and transformers derives."""
    kind, size, heads = section.model_type, section.whole("hidden_size"), section.whole("num_attention_heads")
    if kind in _DERIVED_HEAD_DIM and size and heads:
        section.fill("head_dim", size // heads, "derived from hidden_size and num_attention_heads")
    if kind == "mamba2" and size and (expand := section.number("expand")):
        section.fill("intermediate_size", int(size * expand), "derived from hidden_size and expand")
    if kind == "minimax_m2" and (head := section.whole("head_dim")):
        part = section.number("partial_rotary_factor")
        section.fill("rotary_dim", int(head * (1.0 if part is None else part)), "derived from partial_rotary_factor")


def _period(types: list[str], other: str) -> int:
    """The n with which every n-th layer has full attention and all between are of the other kind; 0 if there is none.

    >>> _period(["sliding_attention", "full_attention"], "sliding_attention")
    2
    """
    full = [index + 1 for index, kind in enumerate(types) if kind == "full_attention"]
    if len(full) + types.count(other) != len(types):
        return 0
    period = full[0] if full else len(types) + 1
    return period if full == list(range(period, len(types) + 1, period)) else 0


def unread(config: Mapping[str, Any], fields: Collection[str]) -> tuple[str, ...]:
    """Keys that change the mathematics and that a model class does not read.

    Keys that change the name or shape of a tensor (biases, extra norms) are left out: strict loading refuses those.

    Args:
        config: normalized; for a wrapper, its `text_config`.
        fields: what the class reads: the field names of its `ModelArgs`.

    Returns:
        One sentence per key.
    """
    known = set(fields)
    if "rope_parameters" in known:
        known |= {"rope_theta", "rope_scaling", "partial_rotary_factor"}
    for older, newer in (("rotary_emb_base", "rope_theta"), ("rotary_pct", "partial_rotary_factor")):
        known |= {newer} if older in known else set()
    if "rotary_dim" in known:
        known.add("partial_rotary_factor")
    found = [key for key, neutral in _NEUTRAL if key not in known and config.get(key) not in neutral]
    return tuple(f"{key} = {_shown(config[key])} is not read by mlx-lm's model class." for key in found)


def caveats(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Where mlx-lm's own class computes something else than the config says.

    Args:
        config: normalized; for a wrapper, its `text_config` is looked at.

    Returns:
        Sentences for a user; empty when nothing is known to be wrong.
    """
    inner = config.get("text_config")
    text: Mapping[str, Any] = {"model_type": config.get("model_type"), **inner} if isinstance(inner, dict) else config
    kind = str(text.get("model_type"))
    known = f"mlx-lm's {kind} {_KNOWN_WRONG[kind]}." if kind in _KNOWN_WRONG else None
    said = (known, _window_caveat(text, kind), _activation_caveat(text, kind), *_rope_caveats(text))
    return tuple(sentence for sentence in said if sentence)


def _window_caveat(text: Mapping[str, Any], kind: str) -> str | None:
    """A sliding window that the class ignores, or whose layers it cannot express."""
    window, longest, types = (text.get(key) for key in ("sliding_window", "max_position_embeddings", "layer_types"))
    names = [str(name) for name in types] if isinstance(types, list) else []
    if kind in _COUNTED_WINDOWS and names and not _period(names, "sliding_attention"):
        return f"mlx-lm's {kind} has full attention in every n-th layer, which these layer_types do not follow."
    if kind not in _WINDOWLESS or not _is_number(window) or (names and "sliding_attention" not in names):
        return None
    if kind in _SWITCHED_WINDOW and text.get("use_sliding_window") is not True:
        return None
    if _is_number(longest) and float(longest or 0) <= float(window or 0):
        return None
    return f"mlx-lm's {kind} ignores the sliding window: exact up to {window} tokens, wrong from the next one on."


def _activation_caveat(text: Mapping[str, Any], kind: str) -> str | None:
    """An activation that the class replaces by its own."""
    wanted = text.get("hidden_activation") or text.get("hidden_act") or text.get("activation_function")
    if kind == "gemma" and not text.get("hidden_activation"):
        wanted = "gelu_pytorch_tanh"  # what transformers takes for gemma's "gelu"
    for computed, kinds in _ACTIVATIONS:
        if kind in kinds and isinstance(wanted, str) and wanted not in computed:
            return f"mlx-lm's {kind} computes {computed[0]} where {wanted} is asked for: the logits differ."
    return None


def _rope_caveats(text: Mapping[str, Any]) -> list[str]:
    """Rope parameters that mlx-lm's rope does not know."""
    rope = text.get("rope_scaling")
    kind = rope.get("rope_type", rope.get("type")) if isinstance(rope, dict) else None
    if not isinstance(rope, dict) or not isinstance(kind, str):
        return []
    said = []
    if kind in ("longrope", "su"):
        length = text.get(_ORIGINAL_LENGTH) or rope.get(_ORIGINAL_LENGTH)
        said.append(f"mlx-lm always applies longrope's long factors: wrong up to {length} tokens, exact beyond.")
        if rope.get("attention_factor") is not None:
            said.append("mlx-lm does not read longrope's attention_factor.")
    if kind == "yarn" and rope.get("truncate") is False:
        said.append("mlx-lm rounds YaRN's correction range although the config says not to: the logits differ.")
    return said


def _finite(value: Any) -> Any:
    """A deep copy, with the largest float32 for infinity, plain or as transformers 5 spells it: JSON has none."""
    if isinstance(value, dict):
        tag = value.get("__float__")
        if len(value) == 1 and isinstance(tag, str) and tag in _INFINITE:
            return _INFINITE[tag]
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return math.copysign(_FLOAT32_MAX, value)
    return value


def _is_number(value: Any) -> bool:
    """Whether a JSON value is a number that arithmetic can be done with: no truth value, no NaN, nothing enormous."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30


def _checked(value: Any, kind: type | tuple[type, ...], key: str, named: str) -> Any:
    """The value, or None; another kind is refused with one sentence."""
    if value is None or (_is_number(value) if kind == (int, float) else isinstance(value, kind)):
        return value
    raise CheckpointError(f"config.json: {key} is {_shown(value)} where {named} is expected.")


def _shown(value: Any) -> str:
    """A value as a sentence shows it: short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
