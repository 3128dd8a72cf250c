import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.fitting import Need, cpu_workspace_bytes, decode_tps, gpu_workspace_bytes, longest

SIZES = st.integers(0, 10**12)


@given(SIZES, SIZES, SIZES, st.integers(1, 10**12))
def test_a_verdict_is_about_the_total(weights, cache, workspace, limit):
    need = Need(weights, cache, workspace)
    assert need.total_bytes == weights + cache + workspace
    assert (need.verdict(limit) == "does not fit") == (need.total_bytes > limit)
    assert (need.verdict(limit) == "fits") == (need.total_bytes <= 0.9 * limit)


@given(st.integers(1, 10**6), st.integers(1, 64))
def test_a_workspace_is_that_of_the_largest_chunk(tokens, batch):
    gpu = gpu_workspace_bytes(tokens, batch)
    cpu = cpu_workspace_bytes(tokens, batch, hidden=8, intermediate=16, number_bytes=2)
    assert gpu <= gpu_workspace_bytes(2048, batch) == 800 * 10**6 * batch
    assert cpu == batch * min(tokens, 2048) * (3 * 16 + 4 * 8) * 2


def test_speed_is_reading_and_a_cost_for_each_layer():
    assert decode_tps(92e9, 0, 1.0, 0.92, 100e9) == pytest.approx(1.0)
    assert decode_tps(92e9, 10, 0.1, 0.92, 100e9) == pytest.approx(0.5)


@given(st.integers(0, 5000), st.integers(0, 6000))
def test_the_longest_context_is_found(most, fitting):
    assert longest(most, lambda tokens: tokens <= fitting) == min(most, fitting)
