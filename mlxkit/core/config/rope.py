"""The rotary embedding, in the style of transformers 4 (`rope_theta`, `rope_scaling`) and of 5 (`rope_parameters`)."""

import math

from mlxkit.core.config.values import ORIGINAL_LENGTH, Json, Section, checked

# transformers 5 keeps rope parameters per kind of layer here, and would misread one set for all.
_ROPE_PER_LAYER = frozenset({
    "gemma3_text", "gemma3n_text", "gemma4_text", "laguna", "mellum", "mimo_v2_flash", "olmo3", "step3p5",
})  # fmt: skip
# Of these, the ones where `rope_scaling` has always meant the layers of full attention.
_SCALES_FULL_ATTENTION = frozenset({"gemma3_text", "gemma3n_text", "olmo3"})
# transformers 4 refuses a `rope_scaling` with any other field here.
_SCALING_FIELDS = {"phi3": ("type", "short_factor", "long_factor"), "olmo2": ("type", "factor")}
_ROPE_NUMBERS = ("rope_theta", "partial_rotary_factor", "factor", "attention_factor", ORIGINAL_LENGTH)
_ROPE_KINDS = ("rope_type", "type")


def fill_rope(section: Section) -> None:
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


def _fill_one_rope(section: Section, rope: Json, scaling: Json) -> None:
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


def _fill_rope_per_layer(section: Section, parameters: Json) -> None:
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


def _rope_of_two_kinds(section: Section, scaling: Json) -> Json:
    """`rope_parameters` from the older keys of gemma3 and olmo3; empty where the config has none."""
    theta = section.number("rope_theta")
    local = theta if section.model_type == "olmo3" else section.number("rope_local_base_freq")
    if section.model_type not in _ROPE_PER_LAYER or theta is None or local is None:
        return {}
    full = {"rope_theta": theta, **_rope(scaling, section.prefix)}
    kinds = {"full_attention": full, "sliding_attention": {"rope_theta": local, "rope_type": "default"}}
    section.set("rope_parameters", kinds, "gathered from the older keys")
    return kinds


def _fill_original_length(section: Section, rope: Json) -> None:
    """The context length before stretching, which mlx-lm takes for 4096 or 8192 where it is not said."""
    if rope["rope_type"] not in ("llama3", "longrope", "yarn"):
        return
    above = section.number(ORIGINAL_LENGTH)  # phi3 states it beside the rope, and transformers prefers that
    length = above or rope.get(ORIGINAL_LENGTH) or section.number("max_position_embeddings")
    if length is not None:
        rope[ORIGINAL_LENGTH] = length
    if rope["rope_type"] == "longrope":
        section.fill(ORIGINAL_LENGTH, length, "taken from rope_parameters")


def _rope(parameters: Json, prefix: str) -> Json:
    """Rope parameters with checked numbers and a `rope_type`, which older configs call `type`."""
    rope = {key: value for key, value in parameters.items() if key != "type"}
    for key in _ROPE_NUMBERS:
        checked(rope.get(key), (int, float), f"{prefix}rope_parameters.{key}", "a number")
    for key in _ROPE_KINDS:
        checked(parameters.get(key), str, f"{prefix}rope_parameters.{key}", "a string")
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
