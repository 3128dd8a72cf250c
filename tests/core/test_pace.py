"""Speeds that are predicted from measured steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.fitting import ENOUGH
from mlxkit.core.pace import BAND, Pace, Step, fitted

T0, BANDWIDTH = 6e-5, 5e11


def step(layers, read_bytes, noise=1.0):
    return Step(noise * (layers * T0 + read_bytes / BANDWIDTH), layers, read_bytes)


def test_the_formula():
    assert Pace(0.1, 1 / 92e9).seconds(92e9, 10) == pytest.approx(2.0)


def test_steps_of_different_models_give_both_constants():
    pace = fitted([step(36, 8e9), step(36, 2.2e9), step(48, 1e9)])
    assert pace.layer_seconds == pytest.approx(T0)
    assert pace.byte_seconds == pytest.approx(1 / BANDWIDTH)
    assert (pace.band, pace.runs) == (BAND, 3)


def test_one_model_is_taken_for_reading():
    pace = fitted([step(36, 8e9)] * 4)
    assert pace.layer_seconds == 0
    assert pace.seconds(8e9, 36) == pytest.approx(step(36, 8e9).seconds)


def test_enough_steps_tell_their_own_band():
    steps = [
        step(36, number * 1e9, noise) for number, noise in zip(range(1, 6), (1, 1.05, 0.95, 1.05, 0.95), strict=True)
    ]
    assert len(steps) == ENOUGH
    assert 0.01 < fitted(steps).band < 0.06
    assert fitted(steps[:-1]).band == BAND


def test_nothing_is_fitted_to_nothing():
    assert fitted([]) is None


@given(st.lists(st.tuples(st.floats(1e-6, 1e3), st.integers(1, 200), st.floats(1e3, 1e13)), min_size=1, max_size=8))
def test_no_constant_is_negative_and_any_step_has_a_time(told):
    pace = fitted([Step(*one) for one in told])
    assert pace.layer_seconds >= 0
    assert pace.byte_seconds >= 0
    assert pace.seconds(1e9, 30) > 0
    assert pace.band >= 0
