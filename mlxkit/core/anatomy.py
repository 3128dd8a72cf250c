"""What a checkpoint is made of: parameters, kinds of layer, schemes, counted from headers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mlxkit.core.checkpoint import Checkpoint, Tensor
from mlxkit.core.errors import PlanError
from mlxkit.core.quantization import Unit, infer, of_config
from mlxkit.core.schemes import DEFAULT_GROUP_SIZE, Scheme

Kind: TypeAlias = Literal["embedding", "attention", "mlp", "expert", "router", "state space", "norm", "head", "other"]

# Tried in this order: a norm inside attention is a norm, an expert inside an mlp is an expert.
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("norm", r"norm|(?:^|[._])ln(?:_|\d|\.|$)"),
    ("head", r"(?:^|\.)(?:lm_head|output|embed_out|score)(?:\.|$)"),
    ("embedding", r"embed|(?:^|\.)(?:wte|wpe)\."),
    ("router", r"(?:mlp|feed_forward|moe)\.gate\.|router|shared_expert_gate|\.gate\.wg\."),
    ("expert", r"experts?\.|switch_mlp|block_sparse_moe|\.experts"),
    ("state space", r"mixer|mamba|ssm|conv1d|\.conv\.|A_log|dt_|linear_attn|recurrent|rglru"),
    ("attention", r"attn|attention"),
    ("mlp", r"mlp|feed_forward|ffn|\.fc\d"),
)

_EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_ACTIVE_COUNTS = ("num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_topk")


@dataclass(frozen=True, slots=True)
class Part:
    """A weight with its scales and biases, or a tensor that stands alone.

    Attributes:
        name: the weight's name.
        kind: what it does in the model.
        parameters: how many numbers it stands for, scales and biases not counted.
        size_bytes: how many bytes it takes, scales and biases included.
        scheme: how it is quantized, or None.
        dtype: of the stored numbers; of the scales for a quantized weight.
    """

    name: str
    kind: Kind
    parameters: int
    size_bytes: int
    scheme: Scheme | None
    dtype: str


def kind_of(name: str) -> Kind:
    """Return what a tensor of this name does in its model.

    >>> kind_of("model.layers.0.self_attn.q_norm.weight"), kind_of("model.layers.3.mlp.experts.7.up_proj.weight")
    ('norm', 'expert')
    """
    return next((kind for kind, pattern in _KINDS if re.search(pattern, name)), "other")


def parts(checkpoint: Checkpoint) -> Iterator[Part]:
    """Yield every part of a checkpoint: a quantized weight, its scales and its biases are one."""
    declared = of_config(checkpoint.config)
    for name, tensor in checkpoint.tensors.items():
        module, _, leaf = name.rpartition(".")
        scales = checkpoint.tensors.get(f"{module}.scales")
        if scales is not None and leaf in ("scales", "biases") and f"{module}.weight" in checkpoint.tensors:
            continue
        if scales is None or leaf != "weight" or tensor.dtype != "U32":
            yield Part(name, kind_of(name), tensor.count, tensor.size_bytes, None, tensor.dtype)
            continue
        yield _quantized(module, tensor, scales, checkpoint.tensors.get(f"{module}.biases"), declared)


def layers(checkpoint: Checkpoint) -> int:
    """Return how many layers a checkpoint has, by the names of its tensors."""
    numbers = (re.search(r"(?:^|\.)(?:layers|blocks|h)\.(\d+)\.", name) for name in checkpoint.tensors)
    return 1 + max((int(found[1]) for found in numbers if found), default=-1)


def matrices(checkpoint: Checkpoint) -> tuple[Unit, ...]:
    """Return the unquantized weights that a scheme could take.

    They are told by their names and shapes. A model's own class may keep some of them as they are: where mlx-lm has
    that class, it is to be asked instead.
    """
    found = []
    for part in parts(checkpoint):
        tensor = checkpoint.tensors[part.name]
        is_matrix = part.name.endswith(".weight") and len(tensor.shape) > 1 and part.kind not in ("norm", "router")
        if part.scheme is None and is_matrix and tensor.dtype in ("F32", "F16", "BF16") and tensor.count:
            width = tensor.shape[-1]
            found.append(Unit(part.name.removesuffix(".weight"), width, rows=tensor.count // width))
    return tuple(found)


def _quantized(
    module: str,
    weight: Tensor,
    scales: Tensor,
    biases: Tensor | None,
    declared: tuple[Scheme, dict[str, Scheme]] | None,
) -> Part:
    default, exceptions = declared or (Scheme("affine", 4, DEFAULT_GROUP_SIZE), {})
    said = exceptions.get(module, default)
    try:
        scheme = infer(weight.shape[-1], scales.shape[-1], said.mode, said.group_size)
    except (PlanError, IndexError):
        scheme = said
    size_bytes = weight.size_bytes + scales.size_bytes + (biases.size_bytes if biases else 0)
    parameters = weight.count * 32 // scheme.bits
    return Part(f"{module}.weight", kind_of(module + "."), parameters, size_bytes, scheme, scales.dtype)


def active_parameters(config: Mapping[str, Any], found: list[Part]) -> int | None:
    """Return how many parameters one token passes through in a mixture of experts; None for a dense model.

    Shared experts always count; of the routed ones, the share `num_experts_per_tok / num_experts`.
    """
    chosen = _experts(config)
    routed = sum(part.parameters for part in found if is_routed(part))
    if chosen is None or not routed:
        return None
    active, experts = chosen
    return sum(part.parameters for part in found) - routed + routed * active // experts


def is_routed(part: Part) -> bool:
    """Whether a router decides for each token if it is used."""
    return part.kind == "expert" and "shared" not in part.name


def bytes_per_step(config: Mapping[str, Any], found: list[Part], batch: int) -> int:
    """Return how many bytes of weights a decoding step has to read, for one token of each row.

    Every weight once, whatever the batch. Not the embedding, of which a few rows are looked up, unless it is the head
    too. Of E experts of which a token takes k, a batch of b takes E (1 - (1 - k / E)^b), if it takes them at random.

    Args:
        config: the checkpoint's.
        found: its parts.
        batch: rows side by side.
    """
    active, experts = _experts(config) or (1, 1)
    share = 1 - (1 - active / experts) ** batch
    unread = "head" if config.get("tie_word_embeddings") else "embedding"
    if not any(part.kind == "head" for part in found):
        unread = "head"
    read = (part.size_bytes * (share if is_routed(part) else 1) for part in found if part.kind != unread)
    return round(sum(read))


def _experts(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return how many experts a token takes, and of how many; None for a dense model."""
    text = config.get("text_config")
    text = text if isinstance(text, Mapping) else {}
    experts = _first_count(_EXPERT_COUNTS, config, text)
    active = _first_count(_ACTIVE_COUNTS, config, text)
    return (min(active, experts), experts) if experts and active else None


def _first_count(keys: tuple[str, ...], *configs: Mapping[str, Any]) -> int | None:
    values = (config.get(key) for config in configs for key in keys)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)
