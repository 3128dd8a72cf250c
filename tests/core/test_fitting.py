import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.fitting import ENOUGH, Need, Record, cpu_workspace_bytes, gpu_workspace_bytes, longest

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
    sizes = {"hidden": 8, "intermediate": 16, "number_bytes": 2}
    plain, quantized = (cpu_workspace_bytes(tokens, batch, **sizes, is_quantized=one) for one in (False, True))
    assert gpu <= gpu_workspace_bytes(2048, batch) == 800 * 10**6 * batch
    assert plain == batch * min(tokens, 2048) * (3 * 16 + 4 * 8) * 2
    assert quantized - plain == batch * min(tokens, 2048) * 16 * 2


@given(st.integers(0, 5000), st.integers(0, 6000))
def test_the_longest_context_is_found(most, fitting):
    assert longest(most, lambda tokens: tokens <= fitting) == min(most, fitting)


def test_predictions_are_judged_by_their_worst_and_corrected_by_their_median():
    record = Record((110, 110, 110), (10, 10, 10), (100, 120, 110))
    assert record.worst == pytest.approx(0.1)
    assert record.workspace_factor == 1  # three are not enough
    many = Record((110,) * ENOUGH, (10,) * ENOUGH, (120, 120, 130, 115, 120))
    assert many.workspace_factor == 2
    assert Record().worst is None
    assert Record().workspace_factor == 1
