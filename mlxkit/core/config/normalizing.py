"""A config normalized: names filled from their synonyms, defaults stated, rope and layers in both styles."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.config.layers import fill_layers, fill_sizes
from mlxkit.core.config.rope import fill_rope
from mlxkit.core.config.values import Json, Section, finite, shown
from mlxkit.core.errors import CheckpointError

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
# Wrappers whose class reads the size of the vocabulary beside `text_config`.
_VOCABULARY_ON_TOP = frozenset({"gemma3", "gemma4"})
# Wrappers that transformers 5 calls tied by default, although the checkpoints have a head of their own.
_TIED_IN_DOUBT = frozenset({"kimi_k25", "mistral3"})


@dataclass(frozen=True)
class Normalized:
    """A config and what was done to it.

    Attributes:
        config: the whole config; a new object that shares nothing with the one read.
        changes: one sentence per key that was filled or corrected.
    """

    config: Json
    changes: tuple[str, ...]


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
        raise CheckpointError(f"config.json holds {shown(config)} where an object is expected.")
    if not isinstance(config.get("model_type"), str):
        raise CheckpointError("config.json names no model_type.", hint="is this the folder of a language model?")
    try:
        copied: Json = {key: finite(value) for key, value in config.items()}
    except RecursionError as error:
        raise CheckpointError("config.json is nested too deeply.") from error
    sections = [Section(copied, "", "")]
    if sections[0].of("text_config", dict, "an object") is not None:
        sections.append(Section(copied["text_config"], "text_config: ", sections[0].model_type))
        _fill_wrapper(*sections)
    for section in sections:
        _fill_synonyms(section)
        _fill_defaults(section)
        fill_rope(section)
        _fill_synonyms(section)
        fill_layers(section)
        fill_sizes(section)
    return Normalized(copied, tuple(change for section in sections for change in section.changes))


def _fill_wrapper(top: Section, text: Section) -> None:
    """What mlx-lm looks for in one part of a wrapper's config and transformers 5 writes in the other."""
    tied = top.values.get("tie_word_embeddings")
    if isinstance(tied, bool) and top.model_type not in _TIED_IN_DOUBT:
        text.set("tie_word_embeddings", tied, "taken from the wrapper")
    if top.model_type in _VOCABULARY_ON_TOP:
        top.fill("vocab_size", text.number("vocab_size"), "taken from text_config")


def _fill_synonyms(section: Section) -> None:
    """Each of two names from the other."""
    for pair in (*_SYNONYMS, *_SYNONYMS_OF.get(section.model_type, ())):
        for key, source in (pair, pair[::-1]):
            section.fill(key, section.values.get(source), f"taken from {source}")


def _fill_defaults(section: Section) -> None:
    """What transformers assumes and mlx-lm does not; `rope_parameters` states its own theta and partial factor."""
    stated = {**section.values, **(section.of("rope_parameters", dict, "an object") or {})}
    for kinds, key, value in _DEFAULTS:
        if section.model_type in kinds and key not in stated:
            section.set(key, value, "is transformers' default for this model type")
