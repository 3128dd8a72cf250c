"""What differs from layer to layer, and sizes that one reader derives and the other wants spelled out."""

from mlxkit.core.config.values import Section, period_of

# Classes that demand `head_dim`, which transformers derives where a config leaves it out.
_DERIVED_HEAD_DIM = frozenset({"exaone4", "glm4_moe", "qwen3_moe"})
# Classes that count layers (every n-th attends to everything) where transformers lists `layer_types`.
COUNTED_WINDOWS = frozenset({"cohere2", "exaone4", "gemma3_text"})
_COUNTED_LINEAR = frozenset({"qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next"})
# Classes that know the kinds of layers by the names of transformers 4, which transformers 5 reads too.
_OLDER_LAYER_NAMES = frozenset({"granitemoehybrid"})
_OLDER_NAMES = {"linear_attention": "mamba", "full_attention": "attention"}


def fill_layers(section: Section) -> None:
    """What differs from layer to layer, in the form that mlx-lm reads."""
    kind, types, mlp = section.model_type, section.strings("layer_types"), section.strings("mlp_layer_types")
    if kind in COUNTED_WINDOWS and types and (period := period_of(types, "sliding_attention")):
        letters = None if period == 1 else "L" * (period - 1) + "G"
        section.set("sliding_window_pattern", letters if kind == "exaone4" else period, "taken from layer_types")
    if kind in _COUNTED_LINEAR and types and (period := period_of(types, "linear_attention")):
        section.set("full_attention_interval", period, "taken from layer_types")
    if kind in _OLDER_LAYER_NAMES and types:
        section.set("layer_types", [_OLDER_NAMES.get(name, name) for name in types], "under their older names")
    if mlp and (dense := mlp.count("dense")) and mlp == ["dense"] * dense + ["sparse"] * (len(mlp) - dense):
        section.fill("first_k_dense_replace", dense, "taken from mlp_layer_types")
    if kind == "gemma4_text" and types:
        _fill_global_heads(section, types)


def _fill_global_heads(section: Section, types: list[str]) -> None:
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


def fill_sizes(section: Section) -> None:
    """Sizes that mlx-lm wants spelled out and transformers derives."""
    kind, size, heads = section.model_type, section.whole("hidden_size"), section.whole("num_attention_heads")
    if kind in _DERIVED_HEAD_DIM and size and heads:
        section.fill("head_dim", size // heads, "derived from hidden_size and num_attention_heads")
    if kind == "mamba2" and size and (expand := section.number("expand")):
        section.fill("intermediate_size", int(size * expand), "derived from hidden_size and expand")
    if kind == "minimax_m2" and (head := section.whole("head_dim")):
        part = section.number("partial_rotary_factor")
        section.fill("rotary_dim", int(head * (1.0 if part is None else part)), "derived from partial_rotary_factor")
