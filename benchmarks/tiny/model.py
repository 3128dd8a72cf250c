"""Qwen3 in PyTorch, as small as it can be written, with the tensor names that its checkpoints have.

It computes what transformers' `Qwen3ForCausalLM` and mlx-lm's `qwen3` compute; it has no cache and does not generate.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """Sizes of the model, under the names that config.json uses.

    Every input dimension of a weight (`hidden_size`, `intermediate_size`, heads x `head_dim`) is a multiple of 128, so
    that all of them can be quantized in groups of 32, 64 or 128.
    """

    vocab_size: int = 640
    hidden_size: int = 256
    num_hidden_layers: int = 5
    num_attention_heads: int = 4
    num_key_value_heads: int = 1
    head_dim: int = 64
    intermediate_size: int = 256
    max_position_embeddings: int = 1024
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10_000.0


class Attention(nn.Module):
    """Causal attention with grouped keys and values, normalized queries and keys, and rotary positions."""

    def __init__(self, shape: Shape) -> None:
        """Make the four projections and two norms."""
        super().__init__()
        self.shape = shape
        queries, keys = shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden_size, queries, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, keys, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, keys, bias=False)
        self.o_proj = nn.Linear(queries, shape.hidden_size, bias=False)
        self.q_norm = nn.RMSNorm(shape.head_dim, eps=shape.rms_norm_eps)
        self.k_norm = nn.RMSNorm(shape.head_dim, eps=shape.rms_norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (batch, time, hidden) to the same; `cos` and `sin` are (time, head_dim)."""
        batch, time, _ = x.shape
        heads = (batch, time, -1, self.shape.head_dim)
        q = rotate(self.q_norm(self.q_proj(x).view(heads)).transpose(1, 2), cos, sin)
        k = rotate(self.k_norm(self.k_proj(x).view(heads)).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(heads).transpose(1, 2)
        mixed = attend(q, k.to(v.dtype), v)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, time, -1))  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """Gated feed-forward layer."""

    def __init__(self, shape: Shape) -> None:
        """Make the three projections."""
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, time, hidden) to the same."""
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm and around a residual."""

    def __init__(self, shape: Shape) -> None:
        """Make both halves."""
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = Mlp(shape)
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (batch, time, hidden) to the same."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Trunk(nn.Module):
    """Embedding, layers and the last norm: what a checkpoint keeps under `model.`."""

    def __init__(self, shape: Shape) -> None:
        """Make all layers."""
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)


class Qwen3(nn.Module):
    """The language model, with the embedding as its output matrix."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        """Make the model with normal weights; what feeds the residual starts smaller, the deeper the model."""
        super().__init__()
        self.model = Trunk(shape)
        cos, sin = rotary_table(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                is_output = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weight, std=0.02 / (2 * shape.num_hidden_layers) ** 0.5 if is_output else 0.02)

    def hidden(self, ids: Tensor) -> Tensor:
        """Map token ids (batch, time) to what the output matrix multiplies, (batch, time, hidden)."""
        x, time = self.model.embed_tokens(ids), ids.shape[1]
        for layer in self.model.layers:
            x = layer(x, self.cos[:time], self.sin[:time])
        return self.model.norm(x)  # type: ignore[no-any-return]

    def forward(self, ids: Tensor) -> Tensor:
        """Map token ids (batch, time) to logits (batch, time, vocab)."""
        return functional.linear(self.hidden(ids), self.model.embed_tokens.weight)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention of (batch, heads, time, head_dim) over (batch, key heads, time, head_dim).

    Written out because the backward pass of PyTorch's fused kernel takes a third of a training step on a CPU at these
    lengths. Queries that share a key head are stacked in time, so keys and values are not repeated.
    """
    batch, heads, time, size = q.shape
    shared = k.shape[1]
    scores = q.reshape(batch, shared, -1, size) @ k.transpose(2, 3) * size**-0.5  # (batch, shared, group * time, time)
    future = torch.full((time, time), -torch.inf).triu(1)
    weights = (scores.view(batch, heads, time, time) + future).softmax(dim=-1).to(v.dtype)
    return (weights.view(batch, shared, -1, time) @ v).view(batch, heads, time, size)


def rotary_table(shape: Shape) -> tuple[Tensor, Tensor]:
    """Return cosine and sine, each (max_position_embeddings, head_dim) float32.

    The sine's first half is negated, so that a rotation is one shift, two products and a sum.
    """
    frequencies = shape.rope_theta ** (-torch.arange(0, shape.head_dim, 2) / shape.head_dim)
    angles = torch.outer(torch.arange(shape.max_position_embeddings).float(), frequencies)
    return torch.cat([angles.cos()] * 2, dim=-1), torch.cat([-angles.sin(), angles.sin()], dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate (batch, heads, time, head_dim) by position, half against half as Qwen3 does."""
    return x * cos + x.roll(x.shape[-1] // 2, dims=-1) * sin


def config(shape: Shape, end_ids: list[int], pad_id: int) -> dict[str, Any]:
    """Return config.json, with both the keys that readers have long known and those that transformers 5 writes."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        **asdict(shape),
        "rope_parameters": {"rope_theta": shape.rope_theta, "rope_type": "default"},
        "rope_scaling": None,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "tie_word_embeddings": True,
        "use_cache": True,
        "bos_token_id": None,
        "eos_token_id": end_ids,
        "pad_token_id": pad_id,
        "torch_dtype": "bfloat16",
        "dtype": "bfloat16",
    }
