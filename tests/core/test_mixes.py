import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.errors import PlanError
from mlxkit.core.mixes import MIXES, mixed
from mlxkit.core.quantization import Unit
from mlxkit.core.schemes import Scheme

NAMES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj")


def llama(layers, prefix="model."):
    within = [Unit(f"{prefix}layers.{layer}.{name}", 128) for layer in range(layers) for name in NAMES]
    return [Unit(f"{prefix}embed_tokens", 128), *within, Unit("lm_head", 128)]


def with_more_bits(layout):
    return sorted(path for path, scheme in layout.schemes.items() if scheme != layout.default)


@pytest.mark.parametrize("name", MIXES)
def test_the_name_says_fewer_and_more_bits_in_groups_of_64(name):
    layout = mixed(llama(16), name, 16)
    low, high = map(int, name.split("_")[1:])
    assert layout.default == Scheme("affine", low, 64)
    assert set(layout.schemes.values()) == {Scheme("affine", low, 64), Scheme("affine", high, 64)}


def test_more_bits_go_to_the_head_and_to_the_outer_eighths_and_every_third_layer_between():
    chosen = [0, 1, 4, 7, 10, 13, 14, 15]
    paths = [f"model.layers.{layer}.{name}" for layer in chosen for name in ("self_attn.v_proj", "mlp.down_proj")]
    assert with_more_bits(mixed(llama(16), "mixed_3_6", 16)) == sorted([*paths, "lm_head"])


def test_the_projections_of_latent_attention_count_as_values():
    units = [Unit(f"model.layers.0.{name}", 64) for name in ("v_a_proj", "v_b_proj", "kv_b_proj", "mlp.down_proj")]
    wanted = [f"model.layers.0.{name}" for name in ("kv_b_proj", "mlp.down_proj", "v_a_proj", "v_b_proj")]
    # kv_b_proj is met by name alone, as in mlx-lm: it contains v_b_proj.
    assert with_more_bits(mixed(units, "mixed_4_6", 1)) == wanted


@given(st.integers(1, 40), st.sampled_from(["", "model.", "language_model.model."]))
def test_the_layer_is_found_wherever_its_number_stands(layers, prefix):
    def chosen(prefix):
        paths = with_more_bits(mixed(llama(layers, prefix), "mixed_3_6", layers))
        return {path.removeprefix(prefix) for path in paths}

    assert chosen(prefix) == chosen("")


def test_outside_of_layers_units_count_as_in_the_first_one():
    units = [Unit("model.layers.1.mlp.down_proj", 64), Unit("v_proj", 64), Unit("adapter.down_proj", 64)]
    assert with_more_bits(mixed(units[::-1], "mixed_3_4", 8)) == ["adapter.down_proj", "v_proj"]


def test_a_width_that_64_does_not_divide_is_left_as_it_is():
    units = [*llama(1), Unit("model.layers.0.mlp.gate_proj", 96), Unit("model.visual.patch", 80)]
    layout = mixed(units, "mixed_2_6", 1)
    assert [skip.path for skip in layout.skipped] == ["model.layers.0.mlp.gate_proj", "model.visual.patch"]
    assert all(width in skip.reason for skip, width in zip(layout.skipped, ("96", "80"), strict=True))
    assert not layout.schemes.keys() & {skip.path for skip in layout.skipped}


def test_what_the_class_demands_counts_for_nothing_as_in_mlx_lm():
    kept, floored = Unit("model.layers.0.router", 64, floor=False), Unit("model.embed", 64, Scheme("affine", 8, 64))
    layout = mixed([kept, floored, *llama(1)], "mixed_3_4", 1)
    assert layout.schemes[kept.path] == layout.schemes[floored.path] == layout.default
    assert not layout.skipped


def test_an_unknown_mix_is_told_the_known_ones():
    with pytest.raises(PlanError, match="'mixed_2_8'") as caught:
        mixed(llama(1), "mixed_2_8", 1)
    assert all(name in caught.value.hint for name in MIXES)


@pytest.mark.parametrize("units", [[], [Unit("model.layers.0.mlp.w2", 64)]])
def test_a_model_without_down_proj_is_refused(units):
    with pytest.raises(PlanError, match="down_proj") as caught:
        mixed(units, "mixed_3_6", 1)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["model.layers.first.v_proj", "model.layers.0.mlp.down_proj"], r"part 3 of 'model\.layers\.first.*'first'"),
        (["lm_head", "mlp.down_proj"], r"part 2 of 'mlp\.down_proj'.*'down_proj'"),
    ],
)
def test_a_path_without_a_number_where_layers_have_theirs_is_refused(paths, said):
    with pytest.raises(PlanError, match=said):
        mixed([Unit(path, 64) for path in paths], "mixed_3_6", 1)
