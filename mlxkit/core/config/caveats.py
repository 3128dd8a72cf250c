"""What no renaming mends: keys that mlx-lm does not read, and classes of its that compute something else."""

from collections.abc import Collection, Mapping
from typing import Any

from mlxkit.core.config.layers import COUNTED_WINDOWS
from mlxkit.core.config.values import ORIGINAL_LENGTH, is_number, period_of, shown

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
    return tuple(f"{key} = {shown(config[key])} is not read by mlx-lm's model class." for key in found)


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
    if kind in COUNTED_WINDOWS and names and not period_of(names, "sliding_attention"):
        return f"mlx-lm's {kind} has full attention in every n-th layer, which these layer_types do not follow."
    if kind not in _WINDOWLESS or not is_number(window) or (names and "sliding_attention" not in names):
        return None
    if kind in _SWITCHED_WINDOW and text.get("use_sliding_window") is not True:
        return None
    if is_number(longest) and float(longest or 0) <= float(window or 0):
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
        length = text.get(ORIGINAL_LENGTH) or rope.get(ORIGINAL_LENGTH)
        said.append(f"mlx-lm always applies longrope's long factors: wrong up to {length} tokens, exact beyond.")
        if rope.get("attention_factor") is not None:
            said.append("mlx-lm does not read longrope's attention_factor.")
    if kind == "yarn" and rope.get("truncate") is False:
        said.append("mlx-lm rounds YaRN's correction range although the config says not to: the logits differ.")
    return said
