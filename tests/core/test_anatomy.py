from pathlib import Path

import pytest

from mlxkit.core.anatomy import active_parameters, kind_of, parts
from mlxkit.core.checkpoint import Checkpoint, Tensor


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.embed_tokens.weight", "embedding"),
        ("transformer.wte.weight", "embedding"),
        ("lm_head.weight", "head"),
        ("model.norm.weight", "norm"),
        ("transformer.h.0.ln_1.weight", "norm"),
        ("model.layers.0.input_layernorm.weight", "norm"),
        ("model.layers.0.self_attn.q_norm.weight", "norm"),
        ("model.layers.0.self_attn.q_proj.weight", "attention"),
        ("model.layers.0.self_attn.kv_a_proj_with_mqa.weight", "attention"),
        ("model.layers.0.mlp.down_proj.weight", "mlp"),
        ("model.layers.0.mlp.gate_proj.weight", "mlp"),
        ("model.layers.0.mlp.gate.weight", "router"),
        ("model.layers.0.block_sparse_moe.gate.weight", "router"),
        ("model.layers.0.mlp.switch_mlp.up_proj.weight", "expert"),
        ("model.layers.0.mlp.experts.7.up_proj.weight", "expert"),
        ("model.layers.0.block_sparse_moe.experts.0.w1.weight", "expert"),
        ("backbone.layers.0.mixer.in_proj.weight", "state space"),
        ("model.vision_tower.patch.weight", "other"),
    ],
)
def test_kinds(name, kind):
    assert kind_of(name) == kind


def checkpoint(config: dict, *tensors: Tensor) -> Checkpoint:
    return Checkpoint("it", Path(), {"model_type": "x", **config}, {tensor.name: tensor for tensor in tensors})


def test_a_quantized_weight_counts_with_its_scales_and_biases():
    found = list(
        parts(
            checkpoint(
                {"quantization": {"group_size": 64, "bits": 4, "a": {"group_size": 32, "bits": 6}}},
                Tensor("a.weight", "U32", (10, 24)),
                Tensor("a.scales", "BF16", (10, 4)),
                Tensor("a.biases", "BF16", (10, 4)),
                Tensor("b.weight", "U32", (10, 16)),
                Tensor("b.scales", "BF16", (10, 2)),
                Tensor("b.biases", "BF16", (10, 2)),
                Tensor("b.bias", "BF16", (10,)),
            )
        )
    )
    assert [(part.name, part.parameters, part.size_bytes, part.scheme and part.scheme.name) for part in found] == [
        ("a.weight", 1280, 1120, "6bit-g32"),
        ("b.weight", 1280, 720, "4bit-g64"),
        ("b.bias", 10, 20, None),
    ]


def test_active_parameters_of_a_mixture():
    found = list(
        parts(
            checkpoint(
                {},
                Tensor("model.layers.0.mlp.switch_mlp.up_proj.weight", "BF16", (8, 10, 10)),
                Tensor("model.layers.0.mlp.shared_experts.up_proj.weight", "BF16", (10, 10)),
                Tensor("model.layers.0.mlp.gate.weight", "BF16", (8, 10)),
            )
        )
    )
    config = {"num_experts": 8, "num_experts_per_tok": 2}
    assert active_parameters(config, found) == 200 + 100 + 80
    assert active_parameters({}, found) is None
    assert active_parameters({"text_config": config}, found) == 380
