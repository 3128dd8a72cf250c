"""The affine grid is MLX's: how codes are packed, and what a reader makes of them."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.engines.models.encoding import encode, grid
from tests.engines.models.encoding.cases import AFFINE, DTYPES, normal, numbers

BITS = (2, 3, 4, 5, 6, 8)


def stream(codes, bits):
    """Codes as one stream of bits, lowest first, in 32-bit words: by NumPy alone."""
    ones_and_zeros = (np.asarray(codes)[:, None] >> np.arange(bits)) & 1
    return np.packbits(ones_and_zeros.astype(np.uint8).reshape(-1), bitorder="little").view("<u4")


@given(st.sampled_from(BITS), st.sampled_from([32, 64, 128]), st.randoms(use_true_random=False))
def test_packed_codes_are_one_stream_of_bits(bits, width, random):
    codes = random.choices(range(2**bits), k=width)
    words = grid.pack(mx.array([codes]), bits)
    assert words.dtype == mx.uint32
    assert np.array_equal(np.array(words)[0], stream(codes, bits))
    assert grid.unpack(words, bits, 32).tolist() == [codes]


@pytest.mark.parametrize("scheme", AFFINE, ids=lambda scheme: scheme.name)
def test_codes_are_packed_as_mlx_packs_them(scheme):
    words, _, _ = mx.quantize(normal(3, 2, 256), scheme.group_size, scheme.bits)
    codes = grid.unpack(words, scheme.bits, scheme.group_size)
    assert codes.shape == (3, 2, 256)
    assert set(np.unique(codes)) <= set(range(2**scheme.bits))
    assert mx.array_equal(grid.pack(codes, scheme.bits), words)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("scheme", AFFINE, ids=lambda scheme: scheme.name)
def test_what_is_decoded_is_what_mlx_decodes(scheme, dtype):
    encoded = encode(normal(4, 256, dtype=dtype), scheme, "lsq")
    codes = grid.unpack(encoded.weight, scheme.bits, scheme.group_size)
    for arithmetic in (mx.float32, dtype):
        scales, biases = encoded.scales.astype(arithmetic), encoded.biases.astype(arithmetic)
        decoded = grid.decode(scales, biases, codes)
        stock = mx.dequantize(encoded.weight, scales, biases, scheme.group_size, scheme.bits)
        assert decoded.dtype == stock.dtype == arithmetic
        assert mx.array_equal(decoded, stock)
        assert mx.array_equal(encoded.decoded(arithmetic), stock)


@pytest.mark.parametrize("bits", BITS)
def test_a_group_starts_with_the_scale_and_bias_that_mlx_chooses(bits):
    weight = normal(16, 64, dtype=mx.float32)
    _, scales, biases = mx.quantize(weight, 64, bits)
    found = grid.min_max(weight[:, None] / 0.5, 2**bits - 1, mx.full((16, 1, 1), 0.5))
    assert np.allclose(numbers(found[0])[..., 0] / 2, numbers(scales), rtol=1e-6)
    assert np.allclose(numbers(found[1])[..., 0] / 2, numbers(biases), rtol=1e-6)


def test_a_code_is_the_nearest_level_and_a_scale_of_zero_has_one():
    groups = mx.array([[-9.0, -1.0, 0.4, 0.6, 2.9, 99.0]])
    codes = grid.codes(groups, mx.array([[1.0]]), mx.array([[-1.0]]), 3)
    assert codes.tolist() == [[0, 0, 1, 2, 3, 3]]
    assert grid.codes(groups, mx.array([[-1.0]]), mx.array([[2.0]]), 3).tolist() == [[3, 3, 2, 1, 0, 0]]
    assert grid.codes(groups, mx.array([[0.0]]), mx.array([[2.0]]), 3).tolist() == [[0] * 6]
