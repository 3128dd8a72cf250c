"""Least squares never loses more than MLX's own choice, whatever is in a group."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxkit.core.schemes import Scheme
from mlxkit.engines.models.encoding import encode, grid, lsq
from tests.engines.models.encoding.cases import AFFINE, DTYPES, group_errors, moments, normal, numbers, slack

PATTERNS = {
    "bfloat16": (np.uint16, mx.bfloat16),
    "float16": (np.uint16, mx.float16),
    "float32": (np.uint32, mx.float32),
}
LARGEST = {"bfloat16": 2.0**126, "float16": 65504.0, "float32": 2.0**126}
"""Up to here the width of a group, which a reader multiplies out, is a float32."""


@st.composite
def bit_patterns(draw, name, count):
    """Any numbers of a dtype: huge, tiny, subnormal."""
    unsigned, dtype = PATTERNS[name]
    size = np.dtype(unsigned).itemsize
    raw = np.frombuffer(draw(st.binary(min_size=count * size, max_size=count * size)), unsigned)
    values = mx.array(raw).view(dtype)
    return mx.where(mx.abs(values) <= LARGEST[name], values, 0)  # what is no number is not, either


@st.composite
def few_values(draw, name, count):
    """Groups of one, two or three different numbers."""
    values = draw(st.lists(st.floats(-LARGEST[name], LARGEST[name]), min_size=1, max_size=3))
    random = draw(st.randoms(use_true_random=False))
    return mx.array([random.choice(values) for _ in range(count)]).astype(DTYPES[name])


@st.composite
def spread_out(draw, name, count):
    """Ordinary numbers of any size, some of them far out."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = random.normal(size=count) * 2.0 ** draw(st.integers(-30, 14))
    values = values + draw(st.sampled_from([0.0, 0.0, 1.0, -100.0]))
    values[random.integers(count)] *= draw(st.sampled_from([1.0, 1.0, 30.0]))
    limit = LARGEST[name]
    return mx.array(np.clip(values, -limit, limit).astype(np.float32)).astype(DTYPES[name])


@st.composite
def weights(draw, scheme, name):
    kinds = (bit_patterns, few_values, spread_out)
    groups = [draw(draw(st.sampled_from(kinds))(name, scheme.group_size)) for _ in range(2)]
    return mx.concatenate(groups)[None]


@settings(max_examples=100)
@given(st.data(), st.sampled_from(AFFINE), st.sampled_from(sorted(DTYPES)))
def test_no_group_loses_more_than_with_mlx(data, scheme, name):
    weight = data.draw(weights(scheme, name))
    found, stock = encode(weight, scheme, "lsq"), encode(weight, scheme, "minmax")
    assert {array.dtype for array in (found.scales, found.biases)} == {DTYPES[name]}
    assert np.isfinite(numbers(found.scales)).all()
    assert np.isfinite(numbers(found.biases)).all()
    ours, theirs = group_errors(weight, found), group_errors(weight, stock)
    assert np.isfinite(ours).all()
    assert (ours <= theirs + slack(weight, scheme.group_size, theirs)).all()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("scheme", AFFINE, ids=lambda scheme: scheme.name)
def test_ordinary_weights_lose_clearly_less_than_with_mlx(scheme, dtype):
    weight = normal(32, 256, dtype=dtype)
    found, stock = (group_errors(weight, encode(weight, scheme, encoder)) for encoder in ("lsq", "minmax"))
    assert (found <= stock + slack(weight, scheme.group_size, stock)).all()
    assert found.sum() < (0.95 if scheme.bits < 8 else 0.999) * stock.sum()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.3, 65504.0, 1e-4, 6e-8, 3e38])
def test_a_group_of_one_value_is_exact(value, bits, dtype):
    weight = mx.full((2, 64), value).astype(dtype)
    if mx.isfinite(weight).all():
        assert mx.array_equal(encode(weight, Scheme("affine", bits, 32), "lsq").decoded(dtype), weight)


@pytest.mark.parametrize("name", DTYPES)
def test_one_value_far_out_is_kept_and_nothing_overflows(name):
    far = {"bfloat16": 3e38, "float16": 65504.0, "float32": 3e38}[name]
    scheme = Scheme("affine", 4, 32)
    for rest in (0.0, 1.0, far / 3):
        for sign in (1, -1):
            weight = (sign * mx.array([far] + [rest] * 31)[None]).astype(DTYPES[name])
            ours, theirs = (group_errors(weight, encode(weight, scheme, encoder)) for encoder in ("lsq", "minmax"))
            assert (ours <= theirs + slack(weight, 32, theirs)).all()
            assert np.isfinite(ours).all()


def test_evenly_spaced_values_are_exact():
    weight = (mx.arange(64) % 16 * 0.25 - 1.5).astype(mx.bfloat16)[None]
    assert mx.array_equal(encode(weight, Scheme("affine", 4, 32), "lsq").decoded(mx.bfloat16), weight)


@settings(max_examples=60)
@given(st.sampled_from(AFFINE), st.sampled_from(sorted(DTYPES)), st.integers(0, 2**32), st.booleans())
def test_with_importance_no_group_loses_more_of_it_than_with_mlx(scheme, name, seed, is_wild):
    random = np.random.default_rng(seed)
    weight = normal(2, 2 * scheme.group_size, seed=seed, dtype=DTYPES[name])
    importance = np.exp(random.normal(size=weight.shape[-1]) * (6 if is_wild else 1)).astype(np.float32)
    form = mx.array(np.diag(importance))[None]
    found, stock = encode(weight, scheme, "lsq", form), encode(weight, scheme, "minmax")
    damped = importance + 0.01 * importance.mean()
    ours, theirs = (group_errors(weight, encoded, damped) for encoded in (found, stock))
    assert (ours <= theirs + slack(weight, scheme.group_size, theirs, damped)).all()


def test_importance_says_where_to_be_right():
    weight, scheme = normal(16, 128), Scheme("affine", 3, 64)
    importance = np.ones(128, np.float32)
    importance[::7] = 100
    form = mx.array(np.diag(importance))[None]
    plain, weighted = encode(weight, scheme, "lsq"), encode(weight, scheme, "lsq", form)
    assert group_errors(weight, weighted, importance).sum() < 0.8 * group_errors(weight, plain, importance).sum()


def test_the_unit_of_a_group_is_a_power_of_two():
    largest = np.array([1.0, 1.999, 0.3, 3e38, 1e-20, 0.0], np.float32)
    units = lsq.magnitude(mx.array(largest)[:, None])[:, 0].tolist()
    assert units == [1.0, 1.0, 0.25, 2.0**127, 2.0**-60, 2.0**-60]


@pytest.mark.parametrize("encoder", ["minmax", "lsq", "feedback"])
def test_rows_do_not_depend_on_each_other(encoder):
    """So neither on how many are worked on at once; feedback's sums over columns are taken in another order."""
    weight, form, scheme = normal(12, 128), moments(1, 128), Scheme("affine", 3, 64)
    whole, part = (encode(rows, scheme, encoder, form) for rows in (weight, weight[5:8]))
    same = [mx.array_equal(whole.arrays()[name][5:8], array) for name, array in part.arrays().items()]
    ours, theirs = (group_errors(weight[5:8], part).sum(), group_errors(weight, whole)[5:8].sum())
    assert all(same) or (encoder == "feedback" and abs(ours / theirs - 1) < 0.02)


def test_more_weights_than_are_worked_on_at_once_are_encoded_alike():
    weight, scheme = mx.tile(normal(128, 32), (1100, 1)), Scheme("affine", 2, 32)
    assert weight.size > 2**22
    whole, part = encode(weight, scheme, "lsq"), encode(weight[:128], scheme, "lsq")
    for name, array in part.arrays().items():
        assert mx.array_equal(whole.arrays()[name], mx.tile(array, (1100, 1)))


def test_codes_fit_their_width():
    for scheme in AFFINE:
        weight = normal(4, 128, seed=scheme.bits)
        codes = grid.unpack(encode(weight, scheme, "lsq").weight, scheme.bits, scheme.group_size)
        assert 0 <= codes.min().item() <= codes.max().item() == 2**scheme.bits - 1
