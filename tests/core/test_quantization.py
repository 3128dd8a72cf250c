import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.quantization import Unit, describe, of_config, uniform
from mlxkit.core.schemes import Scheme, names, parse

UNITS = st.lists(
    st.builds(
        Unit,
        st.text("abc.", min_size=1, max_size=6),
        st.integers(1, 512),
        st.none() | st.just(value=False) | st.just(Scheme("affine", 8, 64)),
    ),
    unique_by=lambda unit: unit.path,
    max_size=8,
)


@given(UNITS, st.sampled_from(names()))
def test_every_unit_is_quantized_or_skipped_with_a_reason(units, name):
    layout = uniform(units, parse(name))
    assert sorted([*layout.schemes, *(skip.path for skip in layout.skipped)]) == sorted(unit.path for unit in units)
    assert all(skip.reason for skip in layout.skipped)


@given(UNITS, st.sampled_from(names()))
def test_floors_are_kept_and_groups_divide(units, name):
    layout = uniform(units, parse(name))
    for unit in units:
        if unit.floor is False:
            assert unit.path not in layout.schemes
        elif unit.path in layout.schemes:
            chosen = layout.schemes[unit.path]
            assert unit.width % chosen.group_size == 0
            assert chosen.bits >= (unit.floor.bits if isinstance(unit.floor, Scheme) else parse(name).bits)


@given(UNITS, st.sampled_from(names()))
def test_the_config_entry_is_read_back(units, name):
    layout = uniform(units, parse(name))
    entry = layout.config_entry()
    for path, keys in entry.items():
        if isinstance(keys, dict):
            assert keys.keys() == {"bits", "group_size", "mode"}
        elif path not in ("bits", "group_size", "mode"):
            assert keys is False
    default, exceptions = of_config({"quantization": entry})
    assert default == layout.default
    assert exceptions == layout.exceptions


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, None),
        ({"quantization": {"bits": 4, "group_size": 64}}, "4bit-g64 (MLX)"),
        ({"quantization": {"bits": 4, "group_size": 64, "a": {"bits": 8, "group_size": 64}}}, "4bit-g64 (MLX, mixed)"),
        ({"quantization": {"bits": 4, "group_size": 48}}, "4 bits, group size 48 (MLX)"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "GPTQ, 4 bits"),
        ({"quantization_config": {"quant_method": "fp8"}}, "FP8"),
        ({"quantization": None, "quantization_config": None}, None),
    ],
)
def test_what_is_quantized_is_said(config, said):
    assert describe(config) == said
