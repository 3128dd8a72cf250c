import pytest

from mlxkit.core.generation import Timing, common_prefix


def test_decoding_is_counted_by_its_intervals():
    timing = Timing(asked=0.0, prefilling=1.0, first=3.0, last=5.0, ended=6.0, tokens=9)
    assert timing.generation_tps == 4.0
    assert timing.prompt_tps(10) == 5.0
    assert (timing.ttft_seconds, timing.prefill_seconds, timing.decode_seconds) == (3.0, 2.0, 2.0)
    assert timing.total_seconds == 6.0


@pytest.mark.parametrize("tokens", [0, 1])
def test_without_an_interval_there_is_no_speed(tokens):
    first = 1.0 if tokens else None
    assert Timing(0.0, 0.0, first, first, 2.0, tokens).generation_tps is None


def test_nothing_is_divided_by_a_clock_that_stands_still():
    timing = Timing(0.0, 0.0, 0.0, 0.0, 0.0, 5)
    assert timing.generation_tps is None
    assert timing.prompt_tps(5) is None


@pytest.mark.parametrize(("one", "other", "shared"), [([], [], 0), ([1], [], 0), ([1, 2], [1, 2], 2), ([2], [1], 0)])
def test_rows_share_what_they_begin_with(one, other, shared):
    assert common_prefix(one, other) == common_prefix(other, one) == shared
