"""Checkpoints of any size whose weights are holes in a file: their headers are all that is written."""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from tests.fakes.checkpoints import write_tokenizer


def write_sparse(
    folder: Path,
    config: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    dtypes: Mapping[str, str] | None = None,
) -> Path:
    """Write a checkpoint that takes no room: bytes (U8) where `dtypes` says so, else bfloat16."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_tokenizer(folder)
    header: dict[str, Any] = {"__metadata__": {"format": "mlx"}}
    offset = 0
    for name, shape in shapes.items():
        dtype = (dtypes or {}).get(name, "BF16")
        end = offset + prod(shape) * (1 if dtype == "U8" else 2)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)
    return folder


def qwen3(layers: int, hidden: int, heads: int, keys: int, vocabulary: int, *, tied: bool) -> dict[str, Any]:
    """What Qwen3's configs have in common."""
    return {
        "model_type": "qwen3",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": keys,
        "head_dim": 128,
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "max_position_embeddings": 40960,
        "torch_dtype": "bfloat16",
    }


def attention(prefix: str, hidden: int, heads: int, keys: int) -> dict[str, tuple[int, ...]]:
    """The tensors of one layer that are not its MLP."""
    return {
        f"{prefix}.self_attn.q_proj.weight": (heads * 128, hidden),
        f"{prefix}.self_attn.k_proj.weight": (keys * 128, hidden),
        f"{prefix}.self_attn.v_proj.weight": (keys * 128, hidden),
        f"{prefix}.self_attn.o_proj.weight": (hidden, heads * 128),
        f"{prefix}.self_attn.q_norm.weight": (128,),
        f"{prefix}.self_attn.k_norm.weight": (128,),
        f"{prefix}.input_layernorm.weight": (hidden,),
        f"{prefix}.post_attention_layernorm.weight": (hidden,),
    }


def write_qwen3_4b(folder: Path) -> Path:
    """Qwen3-4B: dense, tied."""
    config = {**qwen3(36, 2560, 32, 8, 151936, tied=True), "intermediate_size": 9728}
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (151936, 2560), "model.norm.weight": (2560,)}
    for layer in range(36):
        prefix = f"model.layers.{layer}"
        shapes |= attention(prefix, 2560, 32, 8)
        shapes |= {f"{prefix}.mlp.{name}_proj.weight": (9728, 2560) for name in ("gate", "up")}
        shapes[f"{prefix}.mlp.down_proj.weight"] = (2560, 9728)
    return write_sparse(folder, config, shapes)


def write_qwen3_30b(folder: Path) -> Path:
    """Qwen3-30B-A3B: a mixture of 128 experts, 8 of which a token takes."""
    config = {
        **qwen3(48, 2048, 32, 4, 151936, tied=False),
        "model_type": "qwen3_moe",
        "intermediate_size": 6144,
        "moe_intermediate_size": 768,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (151936, 2048),
        "model.norm.weight": (2048,),
        "lm_head.weight": (151936, 2048),
    }
    for layer in range(48):
        prefix = f"model.layers.{layer}"
        shapes |= attention(prefix, 2048, 32, 4)
        shapes[f"{prefix}.mlp.gate.weight"] = (128, 2048)
        shapes |= {f"{prefix}.mlp.switch_mlp.{name}_proj.weight": (128, 768, 2048) for name in ("gate", "up")}
        shapes[f"{prefix}.mlp.switch_mlp.down_proj.weight"] = (128, 2048, 768)
    return write_sparse(folder, config, shapes)
