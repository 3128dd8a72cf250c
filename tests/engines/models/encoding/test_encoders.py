"""One function for all encoders: shapes, dtypes, and what is left to MLX."""

import mlx.core as mx
import pytest
from mlx import nn

from mlxkit.core.schemes import Scheme
from mlxkit.engines.models.encoding import encode
from tests.engines.models.encoding.cases import AFFINE, DTYPES, OTHERS, moments, normal


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("encoder", ["minmax", "lsq", "feedback"])
@pytest.mark.parametrize("scheme", OTHERS, ids=lambda scheme: scheme.name)
def test_modes_without_biases_are_mlx_own_whatever_the_encoder(scheme, encoder, dtype):
    weight = normal(3, 4, 128, dtype=dtype)
    encoded = encode(weight, scheme, encoder, moments(1, 128))
    words, scales = mx.quantize(weight, scheme.group_size, scheme.bits, mode=scheme.mode)
    assert encoded.biases is None
    assert encoded.arrays().keys() == {"weight", "scales"}
    assert mx.array_equal(encoded.weight, words)
    assert mx.array_equal(encoded.scales, scales)
    stock = mx.dequantize(words, scales, None, scheme.group_size, scheme.bits, mode=scheme.mode, dtype=mx.float32)
    assert mx.array_equal(encoded.decoded(), stock)


@pytest.mark.parametrize("scheme", AFFINE, ids=lambda scheme: scheme.name)
def test_minmax_is_mlx_own(scheme):
    weight = normal(4, 256)
    encoded = encode(weight, scheme, "minmax")
    for found, stock in zip(
        encoded.arrays().values(), mx.quantize(weight, scheme.group_size, scheme.bits), strict=True
    ):
        assert found.dtype == stock.dtype
        assert mx.array_equal(found, stock)


@pytest.mark.parametrize("encoder", ["minmax", "lsq", "feedback"])
@pytest.mark.parametrize("scheme", AFFINE, ids=lambda scheme: scheme.name)
def test_experts_and_heads_are_kept_and_encoded_row_by_row(scheme, encoder):
    weight, form = normal(3, 4, 128, dtype=mx.float16), moments(1, 128)
    encoded, flat = encode(weight, scheme, encoder, form), encode(weight.reshape(12, 128), scheme, encoder, form)
    groups = 128 // scheme.group_size
    shapes = {"weight": (3, 4, 4 * scheme.bits), "scales": (3, 4, groups), "biases": (3, 4, groups)}
    assert {name: array.shape for name, array in encoded.arrays().items()} == shapes
    for name, array in encoded.arrays().items():
        assert array.dtype == (mx.uint32 if name == "weight" else mx.float16)
        assert mx.array_equal(array.reshape(12, -1), flat.arrays()[name])


def test_a_stock_layer_computes_with_what_was_encoded():
    weight, scheme, x = normal(8, 128, dtype=mx.float32), Scheme("affine", 4, 64), normal(2, 128, dtype=mx.float32)
    encoded = encode(weight, scheme, "lsq")
    layer = nn.QuantizedLinear(128, 8, bias=False, group_size=64, bits=4)
    layer.load_weights(list(encoded.arrays().items()))
    assert mx.allclose(layer(x), x @ encoded.decoded().T, atol=1e-5)
