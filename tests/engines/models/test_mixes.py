"""Our mixes are those of the mlx-lm that is installed, layer for layer."""

from typing import Any

import mlx.core as mx
import pytest
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.convert import QUANT_RECIPES, mixed_quant_predicate_builder
from mlx_lm.utils import _get_classes, quantize_model

from mlxkit.core.errors import PlanError
from mlxkit.core.mixes import MIXES, mixed
from mlxkit.engines.models import open_model, units
from mlxkit.engines.store import local, read

SHARED: dict[str, Any] = {
    "hidden_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "rms_norm_eps": 1e-6,
    "vocab_size": 128,
    "rope_theta": 10000.0,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
}
LLAMA = {**SHARED, "model_type": "llama", "num_hidden_layers": 17, "intermediate_size": 128}
# 64 does not divide the input of its down_proj.
NARROW = {**SHARED, "model_type": "llama", "num_hidden_layers": 3, "intermediate_size": 96}
# Its class wants 8 bits for routers; a mix takes no notice.
MOE = {
    **SHARED,
    "model_type": "qwen3_moe",
    "num_hidden_layers": 9,
    "intermediate_size": 128,
    "moe_intermediate_size": 64,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "decoder_sparse_step": 2,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
}
GPT_NEOX = {
    "model_type": "gpt_neox",
    "hidden_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
    "layer_norm_eps": 1e-5,
    "vocab_size": 128,
    "rotary_emb_base": 10000,
    "rotary_pct": 0.25,
}


def random_model(config: dict[str, Any]) -> nn.Module:
    mx.random.seed(0)
    model_class, arguments = _get_classes(config)
    return model_class(arguments.from_dict(config))


def tiny() -> nn.Module:
    return open_model(read("tiny", local("tiny").folder)).model


MODELS = {
    "tiny": tiny,
    "llama": lambda: random_model(LLAMA),
    "narrow": lambda: random_model(NARROW),
    "moe": lambda: random_model(MOE),
}


def quantized(model: nn.Module) -> dict[str, tuple[str, int, int]]:
    """Mode, bits and group size of every quantized module."""
    modules = tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)
    return {path: (module.mode, module.bits, module.group_size) for path, module in modules if hasattr(module, "bits")}


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize("kind", MODELS)
def test_every_layer_gets_what_mlx_lm_gives_it(kind, name):
    model = MODELS[kind]()
    offered = units(model)
    layout = mixed(offered, name, len(model.layers))
    quantize_model(model, {}, 64, None, quant_predicate=mixed_quant_predicate_builder(name, model, 64))
    theirs = quantized(model)
    assert {path: (one.mode, one.bits, one.group_size) for path, one in layout.schemes.items()} == theirs
    assert {skip.path for skip in layout.skipped} == {unit.path for unit in offered} - theirs.keys()
    assert len({bits for _, bits, _ in theirs.values()}) == 2


def test_the_models_are_of_all_the_kinds_that_differ():
    assert "lm_head" not in {unit.path for unit in units(tiny())}
    assert "lm_head" in {unit.path for unit in units(random_model(LLAMA))}
    assert mixed(units(random_model(NARROW)), "mixed_3_6", 3).skipped
    moe = units(random_model(MOE))
    assert any("switch_mlp.down_proj" in unit.path for unit in moe)
    assert any(unit.floor for unit in moe)


def test_the_names_are_all_that_mlx_lm_has():
    assert list(MIXES) == QUANT_RECIPES


def test_a_model_that_mlx_lm_refuses_is_refused():
    model = random_model(GPT_NEOX)
    with pytest.raises(ValueError, match="expected keys"):
        mixed_quant_predicate_builder("mixed_3_6", model, 64)
    with pytest.raises(PlanError, match="down_proj"):
        mixed(units(model), "mixed_3_6", 2)
