"""A checkpoint that chats nonsense at once: Qwen3's shape, random float32 weights, a tokenizer of bytes."""

import json
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from tokenizers import pre_tokenizers

END, START = "<|im_end|>", "<|im_start|>"
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": False,
    "eos_token_id": 1,
    "dtype": "float32",
}


def write_chat_model(folder: Path, *, template: str | None = TEMPLATE, generation: dict | None = None) -> Path:
    """Write the checkpoint; greedy it says letters only and never ends, because its head scores all else 0."""
    from mlx_lm.models.qwen3 import Model, ModelArgs

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_json()
    config = {**CONFIG, "vocab_size": len(tokenizer["model"]["vocab"])}
    mx.random.seed(7)
    weights = {}
    for name, array in tree_flatten(Model(ModelArgs.from_dict(config)).parameters()):
        weights[name] = mx.ones(array.shape) if "norm" in name else mx.random.normal(array.shape) * 0.3
    letters = [number for piece, number in tokenizer["model"]["vocab"].items() if piece.isascii() and piece.isalpha()]
    said = mx.zeros((config["vocab_size"], 1)).at[mx.array(letters)].add(1.0)
    weights["lm_head.weight"] *= said
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    texts = {
        "config.json": config,
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "clean_up_tokenization_spaces": False,
            **({"chat_template": template} if template else {}),
        },
        "generation_config.json": generation or {"eos_token_id": 1},
    }
    for name, value in texts.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder


def tokenizer_json() -> dict:
    """Return a byte-level tokenizer without merges: one token for each byte, and two special ones."""
    pieces = [START, END, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": {piece: number for number, piece in enumerate(pieces)}, "merges": []}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": piece, **flags} for number, piece in enumerate(pieces[:2])],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            **model,
        },
    }
