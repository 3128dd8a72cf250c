"""Llama in PyTorch: what differs from tiny's Qwen3 is two norms less and an output matrix of its own.

It computes what transformers' `LlamaForCausalLM` and mlx-lm's `llama` compute; it has no cache and does not generate.
"""

from typing import Any

from torch import Tensor, nn

from model import Qwen3, Shape, config

SHAPE = Shape(
    vocab_size=1024,
    num_hidden_layers=4,
    num_key_value_heads=2,
    intermediate_size=768,
)
WINDOW = 512  # tokens of the library's text that are trained on, and measured, in one piece


class Llama(Qwen3):
    """The language model: queries and keys are not normalized, embedding and output matrix are two."""

    def __init__(self, shape: Shape) -> None:
        """Make the model as Qwen3 is made, then change what differs."""
        super().__init__(shape)
        for layer in self.model.layers:
            layer.self_attn.q_norm = layer.self_attn.k_norm = nn.Identity()
        self.lm_head = nn.Linear(shape.hidden_size, shape.vocab_size, bias=False)
        nn.init.normal_(self.lm_head.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """Map token ids (batch, time) to logits (batch, time, vocab)."""
        return self.lm_head(self.hidden(ids))  # type: ignore[no-any-return]


def llama_config(shape: Shape, end_ids: list[int], pad_id: int) -> dict[str, Any]:
    """Return config.json."""
    same = config(shape, end_ids, pad_id)
    own = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "tie_word_embeddings": False}
    return {**same, **own, "mlp_bias": False}
