"""One small random checkpoint for each of the architectures that mlxkit is held to.

Configs are as transformers 4 saves them, names and shapes of the tensors as the Hub has them (`layout` undoes what the
class's `sanitize` does), values from the parity goldens' generator: the same on every platform. The widths are mixed on
purpose: most are multiples of 64, some only of 32 or 16, and a few of neither.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mlx.utils import tree_flatten
from mlx_lm.utils import _get_classes
from safetensors.numpy import save_file

from benchmarks.parity.weights import tensors

Config = dict[str, Any]
Arrays = dict[str, npt.NDArray[np.float32]]
Layout = Callable[[Arrays], Arrays]

TINY = Path(__file__).parents[2] / "mlxkit" / "data" / "tiny"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
SEED = 5


def _split_experts(arrays: Arrays) -> Arrays:
    """One tensor an expert, where mlx-lm has a stack of them."""
    saved: Arrays = {}
    for name, array in arrays.items():
        if ".switch_mlp." in name:
            saved |= {name.replace("switch_mlp", f"experts.{expert}"): part for expert, part in enumerate(array)}
        else:
            saved[name] = array
    return saved


def _mixtral_names(arrays: Arrays) -> Arrays:
    """The three projections of an expert by their numbers."""
    numbers = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
    return {re.sub(r"(gate|down|up)_proj", lambda found: numbers[found[0]], name): arrays[name] for name in arrays}


def _channels_first(arrays: Arrays) -> Arrays:
    """Kernels of convolutions as PyTorch has them: (channels, 1, taps)."""
    kernel = re.compile(r"conv(1d)?\.weight$")
    return {name: np.moveaxis(array, 1, 2) if kernel.search(name) else array for name, array in arrays.items()}


def _join_latent_heads(arrays: Arrays) -> Arrays:
    """`kv_b_proj`, which mlx-lm splits head by head into a transposed half for keys and one for values."""
    saved = {name: array for name, array in arrays.items() if "embed_q" not in name and "unembed_out" not in name}
    for name in arrays:
        if name.endswith(".embed_q.weight"):
            keys, values = np.swapaxes(arrays[name], 1, 2), arrays[name.replace("embed_q", "unembed_out")]
            joined = np.concatenate([keys, values], axis=1)
            saved[name.replace("embed_q", "kv_b_proj")] = joined.reshape(-1, joined.shape[-1])
    return saved


def _join_granite_experts(arrays: Arrays) -> Arrays:
    """All experts in two tensors, gate and up in one of them."""
    saved = {name: array for name, array in arrays.items() if ".switch_mlp." not in name}
    for name in arrays:
        if name.endswith(".switch_mlp.gate_proj.weight"):
            prefix = name.removesuffix("switch_mlp.gate_proj.weight")
            gate, up, down = (arrays[f"{prefix}switch_mlp.{part}_proj.weight"] for part in ("gate", "up", "down"))
            saved[f"{prefix}input_linear.weight"] = np.concatenate([gate, up], axis=1)
            saved[f"{prefix}output_linear.weight"] = down
    return saved


def _norms_about_zero(arrays: Arrays) -> Arrays:
    """Scales of norms less one, except those of the gated norms."""
    gated = ".linear_attn.norm.weight"
    return {
        name: array - np.float32(1) if name.endswith("norm.weight") and not name.endswith(gated) else array
        for name, array in arrays.items()
    }


def _unfold_multipliers(arrays: Arrays) -> Arrays:
    """Weights before `sanitize` multiplies them by what `_FALCON` says: powers of two, which divide exactly."""
    factors = {"embed_tokens": 2, "lm_head": 0.5, "o_proj": 0.5, "out_proj": 0.5, "down_proj": 0.5, "in_proj": 0.5}
    return {
        name: array / np.float32(factors.get(name.removesuffix(".weight").rpartition(".")[2], 1))
        for name, array in arrays.items()
    }


@dataclass(frozen=True)
class Architecture:
    """Where a config departs from `_BASE`, what makes the Hub's tensors of mlx-lm's, in that order, and the rope."""

    config: Config
    layout: tuple[Layout, ...] = ()
    is_rotary: bool = True


_BASE: Config = {
    "vocab_size": 640,  # what the tokenizer of `tiny` has
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 256,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": False,
    "bos_token_id": None,
    "eos_token_id": [2, 0],
    "torch_dtype": "float32",
}
_ROPE: Config = {"rope_theta": 10000.0, "rope_scaling": None}
_TIED: Config = {"tie_word_embeddings": True}
_GEMMA: Config = {"hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 32, **_TIED}
_MOE: Config = {"num_experts_per_tok": 2, "moe_intermediate_size": 64, "norm_topk_prob": True}
_SPARSE: Config = {"decoder_sparse_step": 1, "mlp_only_layers": [], "num_experts": 4, **_MOE}
_ROUTED: Config = {
    **_MOE,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "n_group": 2,
    "topk_group": 1,
    "routed_scaling_factor": 1.5,
}
_LATENT: Config = {
    "num_key_value_heads": 4,
    "q_lora_rank": 48,
    "kv_lora_rank": 64,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 16,
    "v_head_dim": 32,
}
_MAMBA: Config = {
    "mamba_n_heads": 4,
    "mamba_d_head": 32,
    "mamba_d_state": 32,
    "mamba_n_groups": 1,
    "mamba_d_conv": 4,
    "mamba_conv_bias": True,
    "mamba_proj_bias": False,
}
_FALCON: Config = {
    "attention_in_multiplier": 1.0,
    "attention_out_multiplier": 0.5,
    "embedding_multiplier": 2.0,
    "key_multiplier": 1.0,
    "lm_head_multiplier": 0.5,
    "mlp_multipliers": [1.0, 0.5],
    "ssm_in_multiplier": 0.5,
    "ssm_multipliers": [1.0, 1.0, 1.0, 1.0, 1.0],
    "ssm_out_multiplier": 0.5,
}
# mlx-lm's DeepSeek-V2 cannot do without a scaling.
_YARN: Config = {"type": "yarn", "factor": 4.0, "beta_fast": 32, "beta_slow": 1, "original_max_position_embeddings": 64}

_ARCHITECTURES: dict[str, Architecture] = {
    "llama": Architecture({}),
    "qwen2": Architecture({"intermediate_size": 160, **_TIED}),
    "qwen3": Architecture({"head_dim": 48, **_TIED}),
    "qwen3_moe": Architecture({**_SPARSE, "num_experts": 8}, (_split_experts,)),
    "mixtral": Architecture({"num_local_experts": 4, "num_experts_per_tok": 2}, (_split_experts, _mixtral_names)),
    "gemma2": Architecture(
        {"sliding_window": 64, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, **_GEMMA}
    ),
    "gemma3_text": Architecture(
        {"rope_local_base_freq": 7000.0, "sliding_window": 8, "sliding_window_pattern": 2, **_GEMMA}
    ),
    "phi3": Architecture({"intermediate_size": 144, "original_max_position_embeddings": 256, "sliding_window": None}),
    "olmo2": Architecture({"hidden_size": 96, "head_dim": 24}),
    "deepseek_v2": Architecture(
        {"topk_method": "group_limited_greedy", "rope_scaling": _YARN, **_ROUTED, **_LATENT}, (_split_experts,)
    ),
    "deepseek_v3": Architecture(
        {"topk_method": "noaux_tc", "scoring_func": "sigmoid", **_ROUTED, **_LATENT},
        (_split_experts, _join_latent_heads),
    ),
    # mlx-lm's class takes unquantized experts in its own layout only.
    "gpt_oss": Architecture(
        {
            "attention_bias": True,
            "intermediate_size": 128,
            "layer_types": ["sliding_attention", "full_attention"],
            "num_experts_per_tok": 2,
            "num_local_experts": 4,
            "sliding_window": 8,
        }
    ),
    "mamba2": Architecture(
        {
            "conv_kernel": 4,
            "expand": 2,
            "layer_norm_epsilon": 1e-5,
            "n_groups": 1,
            "num_heads": 8,
            "state_size": 32,
            "time_step_limit": [0.0, 100.0],
            "time_step_rank": 8,
            "use_bias": False,
            "use_conv_bias": True,
        },
        (_channels_first,),
        is_rotary=False,
    ),
    "qwen3_next": Architecture(
        {
            "full_attention_interval": 2,
            "linear_conv_kernel_dim": 4,
            "linear_key_head_dim": 32,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_value_head_dim": 32,
            "partial_rotary_factor": 0.5,
            "shared_expert_intermediate_size": 64,
            **_SPARSE,
        },
        (_split_experts, _channels_first, _norms_about_zero),
    ),
    "falcon_h1": Architecture(
        {
            "mamba_d_ssm": 128,
            "mamba_norm_before_gate": True,
            "mamba_rms_norm": False,
            "projectors_bias": False,
            **_FALCON,
            **_MAMBA,
        },
        (_channels_first, _unfold_multipliers),
    ),
    "granitemoehybrid": Architecture(
        {
            "hidden_size": 96,
            "head_dim": 24,
            "intermediate_size": 64,
            "attention_multiplier": 0.2,
            "embedding_multiplier": 3.0,
            "layer_types": ["mamba", "attention"],
            "logits_scaling": 1.0,
            "mamba_expand": 2,
            "num_experts_per_tok": 2,
            "num_local_experts": 4,
            "position_embedding_type": "rope",
            "residual_multiplier": 0.5,
            "shared_intermediate_size": 64,
            **_MAMBA,
            "mamba_n_heads": 6,
        },
        (_channels_first, _join_granite_experts),
    ),
    "lfm2": Architecture(
        {
            "block_auto_adjust_ff_dim": False,
            "block_dim": 128,
            "block_ff_dim": 192,
            "block_ffn_dim_multiplier": 1.0,
            "block_multiple_of": 64,
            "conv_L_cache": 3,
            "conv_bias": False,
            "layer_types": ["conv", "full_attention"],
            "norm_eps": 1e-5,
            **_TIED,
        },
        (_channels_first,),
    ),
    "jamba": Architecture(
        {
            "attn_layer_offset": 1,
            "attn_layer_period": 2,
            "expert_layer_offset": 1,
            "expert_layer_period": 2,
            "mamba_conv_bias": True,
            "mamba_d_conv": 4,
            "mamba_d_state": 16,
            "mamba_dt_rank": 8,
            "mamba_expand": 2,
            "mamba_proj_bias": False,
            "num_experts": 4,
            "num_experts_per_tok": 2,
        },
        (_split_experts, _channels_first),
        is_rotary=False,
    ),
    "glm4_moe": Architecture(
        {**_ROUTED, "n_group": 1, "partial_rotary_factor": 0.5, "use_qk_norm": True}, (_split_experts,)
    ),
    "ernie4_5_moe": Architecture(
        {
            "moe_intermediate_size": 64,
            "moe_k": 2,
            "moe_layer_end_index": 1,
            "moe_layer_start_index": 1,
            "moe_num_experts": 4,
            "moe_num_shared_experts": 1,
            "use_bias": False,
            **_TIED,
        },
        (_split_experts,),
    ),
}


def architectures() -> tuple[str, ...]:
    """The names `write` takes: mlx-lm's own, `model_type` in a config."""
    return tuple(_ARCHITECTURES)


def config_of(name: str) -> Config:
    """What config.json of an architecture's checkpoint says."""
    architecture = _ARCHITECTURES[name]
    rope = _ROPE if architecture.is_rotary else {}
    return {**_BASE, **rope, **architecture.config, "model_type": name}


def loaded_weights(name: str) -> Arrays:
    """The weights as mlx-lm's model holds them when it has loaded the checkpoint, float32."""
    config = config_of(name)
    model_class, arguments = _get_classes(config)
    shapes = {path: array.shape for path, array in tree_flatten(model_class(arguments.from_dict(config)).parameters())}
    if config["tie_word_embeddings"]:
        shapes.pop("lm_head.weight", None)  # gemma3_text makes one, and drops it when it finds none in the file
    weights = tensors(SEED, shapes)
    # A norm whose name the generator does not know for one.
    return {path: array + np.float32(path.endswith("norm_f.weight")) for path, array in weights.items()}


def write(name: str, folder: Path) -> Path:
    """Write a whole checkpoint, tokenizer included; returns the folder."""
    saved = loaded_weights(name)
    for layout in _ARCHITECTURES[name].layout:
        saved = layout(saved)
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {path: np.ascontiguousarray(array) for path, array in saved.items()}
    save_file(contiguous, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config_of(name), indent=2))
    for file in TOKENIZER:
        shutil.copyfile(TINY / file, folder / file)
    return folder
