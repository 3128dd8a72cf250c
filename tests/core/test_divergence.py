import math
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlxkit.core.divergence import clustered, rank_correlation

ROWS = st.lists(st.floats(0, 100), min_size=1, max_size=20)
VALUES = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=12)


@given(ROWS, st.integers(1, 4096))
def test_the_mean_and_its_standard_error_are_those_of_rows(rows, length):
    found = clustered(rows, length)
    assert found.kl_nats == pytest.approx(statistics.fmean(rows))
    assert found.tokens == len(rows) * length
    if len(rows) == 1:
        assert found.se_nats is None
    else:
        assert found.se_nats == pytest.approx(statistics.stdev(rows) / math.sqrt(len(rows)), abs=1e-9)


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, chance):
    shuffled = chance.sample(rows, len(rows))
    assert clustered(shuffled, 8) == clustered(rows, 8)


def test_its_data_carries_units():
    assert clustered([0.5], 64).data() == {"kl_nats": 0.5, "se_nats": None, "tokens": 64}


@given(VALUES, st.data())
def test_a_correlation_is_symmetric_and_bounded(one, data):
    other = data.draw(st.lists(st.integers(-5, 5).map(float), min_size=len(one), max_size=len(one)))
    found = rank_correlation(one, other)
    assert found == rank_correlation(other, one)
    assert (found is None) == (len(set(one)) == 1 or len(set(other)) == 1)
    if found is not None:
        assert -1 - 1e-9 <= found <= 1 + 1e-9
        assert rank_correlation(one, [-value for value in other]) == pytest.approx(-found)


@given(VALUES)
def test_only_ranks_count(one):
    assume(len(set(one)) > 1)
    assert rank_correlation(one, [math.exp(value) for value in one]) == pytest.approx(1)
    assert rank_correlation(one, [-(value**3) for value in one]) == pytest.approx(-1)


def test_ties_share_their_mean_rank():
    assert rank_correlation([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(math.sqrt(0.9))


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0]])
def test_no_order_has_no_correlation(values):
    assert rank_correlation(values, values) is None
