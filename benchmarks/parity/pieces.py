"""What the tiny models of `architectures.py` are put together from: common arguments, and ways to state an entry.

This module is data: it imports neither transformers nor torch.
"""

from dataclasses import dataclass, field
from typing import Any

Config = dict[str, Any]

THETA = 31_000.0
WINDOW = 8


@dataclass(frozen=True)
class Architecture:
    """One tiny model.

    Attributes:
        name: of the golden file.
        model_type: transformers' name of the architecture.
        options: arguments of its config class in transformers 5.
        classic: arguments that transformers 4 calls otherwise; None leaves the argument out. The rope arguments are
            translated by `make_golden`. The whole is None where transformers 4 knows no such architecture, or lays its
            config out otherwise.
    """

    name: str
    model_type: str
    options: Config
    classic: Config | None = field(default_factory=dict)


def rope_of(theta: float = THETA, kind: str = "default", **rest: Any) -> Config:
    """`rope_parameters` as transformers 5 takes them."""
    return {"rope_theta": theta, "rope_type": kind, **rest}


PLAIN = rope_of()
PARTIAL = rope_of(partial_rotary_factor=0.5)
LLAMA3 = rope_of(
    kind="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16
)
YARN = rope_of(kind="yarn", factor=4.0, beta_fast=32.0, beta_slow=1.0, original_max_position_embeddings=16)
LONG = rope_of(
    kind="longrope",
    short_factor=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
    long_factor=[1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5],
    original_max_position_embeddings=16,
    partial_rotary_factor=1.0,
)
LONG_CLASSIC: Config = {
    "rope_scaling": {"type": "longrope", "short_factor": LONG["short_factor"], "long_factor": LONG["long_factor"]}
}
BASE: Config = {
    "vocab_size": 128,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}


def model(
    name: str, *, of: str | None = None, rope: Config | None = PLAIN, classic: Config | None = None, **options: Any
) -> Architecture:
    """An entry with the common tiny shape; `rope` of None means that the config has no such argument."""
    rotary = {} if rope is None else {"rope_parameters": rope}
    return Architecture(name, of or name, BASE | rotary | options, {} if classic is None else classic)


def new_model(name: str, **options: Any) -> Architecture:
    """An entry that only transformers 5 knows."""
    entry = model(name, **options)
    return Architecture(entry.name, entry.model_type, entry.options, None)


def wrapper(name: str, text: Config, vision: Config, *, classic: Config | None = None, **options: Any) -> Architecture:
    """An entry whose language model stands in `text_config`, beside a tower for images that no golden looks through."""
    nested = {"text_config": BASE | {"rope_parameters": PLAIN} | text, "vision_config": vision}
    return Architecture(name, name, nested | options, classic)


TIED = {"tie_word_embeddings": True}
ALTERNATING = {"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2}
CONV = {"num_hidden_layers": 4, "layer_types": ["conv", "full_attention"] * 2}
NO_WINDOW = {"sliding_window": None}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
MOE = {"num_experts_per_tok": 2, "moe_intermediate_size": 64}
SHARED = {"n_routed_experts": 4, "n_shared_experts": 1, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}
MLA = {
    "num_key_value_heads": 4,
    "q_lora_rank": 32,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 16,
    "v_head_dim": 16,
}
DEEPSEEK = MOE | MLA | SHARED | {"n_routed_experts": 8, "n_group": 2, "routed_scaling_factor": 1.5}
GRANITE = {"attention_multiplier": 0.2, "embedding_multiplier": 3.0, "residual_multiplier": 0.5, "logits_scaling": 2.0}
LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 16, "mamba_d_state": 16, "mamba_n_groups": 1, "mamba_d_conv": 4}
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
QWEN_TOWER = {
    "depth": 1,
    "hidden_size": 32,
    "embed_dim": 32,
    "num_heads": 2,
    "intermediate_size": 64,
    "out_hidden_size": 64,
    "patch_size": 14,
}
IMAGE_TOKENS = dict.fromkeys(("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"), 2)
# What gemma3 calls its layers in transformers 4.52 and on the Hub.
COUNTED = {"sliding_window_pattern": 2, "layer_types": None}
