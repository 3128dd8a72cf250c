import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.errors import PlanError
from mlxkit.core.schemes import GROUP_SIZES, MODES, Scheme, from_keys, names, parse


@pytest.mark.parametrize("name", names())
def test_every_name_is_understood_and_given_back(name):
    assert parse(name).name == name
    assert from_keys(parse(name).keys()) == parse(name)


@pytest.mark.parametrize("name", names())
def test_bits_per_weight_is_what_mlx_stores(name):
    scheme = parse(name)
    weight = mx.random.normal((8, 256)).astype(mx.bfloat16)
    stored = mx.quantize(weight, group_size=scheme.group_size, bits=scheme.bits, mode=scheme.mode)
    assert sum(array.nbytes for array in stored) * 8 / weight.size == scheme.bits_per_weight


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_without_a_group_size_it_is_64(bits):
    assert parse(f"{bits}bit") == Scheme("affine", bits, 64)


@given(st.text(max_size=12))
def test_anything_else_is_one_sentence(text):
    try:
        assert parse(text).name.startswith(text)
    except PlanError as error:
        assert repr(text) in error.message
        assert error.hint


@given(st.sampled_from([*MODES, "nf4"]), st.integers(-1, 17), st.integers(-1, 300))
def test_only_schemes_that_mlx_has_can_be_made(mode, bits, group_size):
    known = bits in MODES.get(mode, ()) and group_size in GROUP_SIZES.get(mode, ())
    if known:
        assert Scheme(mode, bits, group_size).bits_per_weight > bits
    else:
        with pytest.raises(PlanError):
            Scheme(mode, bits, group_size)


@given(st.sampled_from(names()), st.integers(1, 5000))
def test_a_fitted_scheme_divides_and_is_the_widest_that_does(name, width):
    scheme = parse(name)
    fitted = scheme.fitted(width)
    candidates = [size for size in GROUP_SIZES[scheme.mode] if size <= scheme.group_size and width % size == 0]
    assert (fitted.group_size if fitted else None) == max(candidates, default=None)
