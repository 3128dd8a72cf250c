"""Error feedback: less is lost where inputs are correlated, and nothing breaks where they are not."""

import mlx.core as mx
import numpy as np
import pytest

from mlxkit.core.schemes import MODES, Scheme
from mlxkit.engines.models.encoding import encode, encoders, feedback, losses
from tests.engines.models.encoding.cases import AFFINE, DTYPES, moments, normal, numbers


def lost(weight, form, scheme, encoder, importance=None):
    """The quadratic form of the error that an encoder leaves."""
    error = weight.astype(mx.float32) - encode(weight, scheme, encoder, form).decoded()
    importance = mx.ones(weight.shape[0]) if importance is None else importance
    return encoders.loss(error, form, importance).item()


def test_the_loss_is_the_quadratic_form():
    error, form, importance = normal(3, 8, dtype=mx.float32), moments(2, 4), mx.array([1.0, 0.5, 2.0])
    e, h = numbers(error), numbers(form)
    whole = np.zeros((8, 8))
    whole[:4, :4], whole[4:, 4:] = h
    expected = sum(g * row @ whole @ row / 2 for g, row in zip(importance.tolist(), e, strict=True))
    assert encoders.loss(error, form, importance).item() == pytest.approx(expected, rel=1e-5)


def test_the_factor_is_that_of_the_inverse():
    form = feedback.form(moments(2, 32) * 7)
    assert np.allclose(numbers(form.moments).trace(axis1=1, axis2=2), 32, rtol=1e-5)
    upper = numbers(form.upper)
    assert np.allclose(upper, np.triu(upper), atol=1e-6)
    assert np.allclose(np.swapaxes(upper, 1, 2) @ upper @ numbers(form.moments), np.eye(32), atol=1e-3)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scheme", AFFINE, ids=lambda scheme: scheme.name)
def test_less_is_lost_than_by_least_squares(scheme, seed):
    """Rounding in order is no guarantee for one row; over 24 rows of correlated inputs it wins with a wide margin."""
    weight = normal(24, 128, seed=seed)
    form = feedback.damped(moments(1, 128, seed=seed))
    assert lost(weight, form, scheme, "feedback") < 0.9 * lost(weight, form, scheme, "lsq")


def test_without_correlation_it_loses_what_least_squares_does():
    weight, form = normal(32, 128), mx.eye(128)[None]
    for bits in MODES["affine"]:
        scheme = Scheme("affine", bits, 64)
        assert lost(weight, form, scheme, "feedback") <= 1.02 * lost(weight, form, scheme, "lsq")


def test_the_second_pass_never_loses():
    weight, form = normal(16, 128), feedback.form(moments(1, 128))
    shaped = mx.broadcast_to(weight.astype(mx.float32)[None, None], (2, 1, 16, 128))
    tops = mx.array([3.0, 15.0]).reshape(2, 1, 1, 1)
    rounding = feedback._Rounding(shaped, mx.ones((16, 1)), tops, 32, mx.bfloat16, form)

    def losses_by_row():
        codes, scales, biases = rounding.gathered()
        decoded = mx.repeat(scales, 32, -1) * codes + mx.repeat(biases, 32, -1)
        error = weight.astype(mx.float32) - decoded
        return numbers(((error @ form.moments[0]) * error).sum(-1))

    rounding.feed_back()
    before = losses_by_row()
    rounding.refine()
    after = losses_by_row()
    assert (after <= before * (1 + 1e-4)).all()
    assert after.sum() < 0.98 * before.sum()


@pytest.mark.parametrize("encoder", ["minmax", "lsq", "feedback"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_many_schemes_at_once_are_each_alone(encoder, blocks):
    weight, form = normal(8, 256, dtype=mx.float16), moments(blocks, 256 // blocks)
    importance = mx.arange(1, 9) / 8
    schemes = [*AFFINE[::-1], Scheme("affine", 3, 64)]
    found = losses(weight, schemes, encoder, form, importance)
    alone = [lost(weight, form, scheme, encoder, importance) for scheme in schemes]
    # Sums in another order may turn a code that is halfway between two.
    assert found == pytest.approx(alone, rel=1e-2 if encoder == "feedback" else 1e-5)
    assert found[-1] == found[schemes.index(schemes[-1])]


def test_schemes_without_biases_are_scored_too():
    weight, form = normal(8, 128), moments(1, 128)
    schemes = [Scheme("mxfp4", 4, 32), Scheme("affine", 8, 64), Scheme("nvfp4", 4, 16)]
    found = losses(weight, schemes, "feedback", form, mx.ones(8))
    assert found == pytest.approx([lost(weight, form, scheme, "feedback") for scheme in schemes], rel=1e-2)
    assert found[1] < 0.1 * min(found[0], found[2])


@pytest.mark.parametrize("bits", [2, 4])
def test_blocks_are_as_good_as_separate_weights(bits):
    weight, form, scheme = normal(8, 256), moments(2, 128), Scheme("affine", bits, 64)
    whole = encode(weight, scheme, "feedback", form)
    halves = [encode(weight[:, 128 * i :][:, :128], scheme, "feedback", form[i : i + 1]) for i in range(2)]
    for name, array in whole.arrays().items():
        assert mx.array_equal(array, mx.concatenate([half.arrays()[name] for half in halves], -1))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize("kind", ["rank one", "no input", "half a block", "tiny", "huge"])
def test_moments_of_few_tokens_are_no_trouble(kind, bits, dtype):
    weight, scheme = normal(6, 256, dtype=dtype), Scheme("affine", bits, 64)
    full = moments(2, 128)
    form = {
        "rank one": moments(2, 128, rank=1),
        "no input": full * mx.array([0.0, 1.0])[:, None, None],
        "half a block": full * mx.outer(mx.arange(128) < 64, mx.arange(128) < 64),
        "tiny": full * 1e-18,
        "huge": full * 1e12,
    }[kind]
    encoded = encode(weight, scheme, "feedback", form)
    decoded = numbers(encoded.decoded(dtype))
    assert np.isfinite(decoded).all()
    # Where inputs are not known, what is stored is still near the weight.
    assert np.abs(decoded - numbers(weight)).max() < np.abs(numbers(weight)).max()
    assert lost(weight, form, scheme, "feedback") <= 1.01 * lost(weight, form, scheme, "lsq")


def test_moments_of_a_few_strong_directions_can_be_factored():
    """A thousand columns that mostly move together: float32 must not lose the rest."""
    common = np.random.default_rng(0).normal(size=(3, 1024)).astype(np.float32) * 100
    form = feedback.form(mx.array(common.T @ common)[None])
    assert np.isfinite(numbers(form.upper)).all()
    assert mx.diagonal(form.upper, axis1=-2, axis2=-1).min().item() > 0


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_strange_weights_stay_finite(bits, name):
    dtype, scheme, form = DTYPES[name], Scheme("affine", bits, 32), moments(1, 128)
    largest = 65504.0 if name == "float16" else 1.5e38
    ordinary = normal(1, 128, dtype=dtype)
    weight = mx.concatenate(
        [
            mx.zeros((1, 128), dtype),
            mx.full((1, 128), 0.7).astype(dtype),
            mx.where(mx.arange(128) == 7, mx.array(largest).astype(dtype), ordinary),
            (ordinary / mx.abs(ordinary).max()).astype(mx.float32) * largest * 0.9,
            ordinary * 1e-6,
            mx.full((1, 128), 1e-39).astype(dtype),
            ordinary,
        ]
    ).astype(dtype)
    encoded = encode(weight, scheme, "feedback", form)
    assert np.isfinite(numbers(encoded.scales)).all()
    assert np.isfinite(numbers(encoded.biases)).all()
    decoded = numbers(encoded.decoded())
    assert np.isfinite(decoded).all()
    assert (decoded[0] == 0).all()
    alone = encode(weight[-1:], scheme, "feedback", form).decoded()
    assert np.allclose(decoded[-1], numbers(alone)[0], rtol=0, atol=0.05 * np.abs(numbers(ordinary)).max())


def test_what_needs_no_moments_needs_none():
    weight, scheme = normal(4, 64), Scheme("affine", 4, 32)
    assert np.isfinite(numbers(encode(weight, scheme, "lsq").decoded())).all()
    assert losses(mx.zeros((4, 64)), [scheme], "feedback", moments(1, 64), mx.ones(4)) == [0.0]
