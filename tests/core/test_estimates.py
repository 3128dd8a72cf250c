import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.estimates import Estimate, clustered, quantile, student_t

CLUSTERS = st.lists(st.tuples(st.floats(-100, 100), st.integers(1, 50)), min_size=2, max_size=20)
SIMULATIONS = 2000

# Quantiles 0.975 as tables have them: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 7: 2.365, 10: 2.228, 15: 2.131, 30: 2.042, 100: 1.984}


def ordinary(chance: random.Random) -> tuple[list[float], list[int]]:
    """Documents of 20 to 200 tokens that differ in their level; the mean of a token is 2."""
    counts = [chance.randint(20, 200) for _ in range(30)]
    return [sum(drawn(chance, chance.gauss(0, 0.5), count)) for count in counts], counts


def drawn(chance: random.Random, level: float, count: int) -> list[float]:
    return [2 + level + chance.gauss(0, 1) for _ in range(count)]


def skewed(chance: random.Random) -> tuple[list[float], list[int]]:
    """Rows of one length whose tokens lose nothing most of the time and much at times; the mean is 0.1."""
    return [sum(0.5 * chance.expovariate(1) * (chance.random() < 0.2) for _ in range(64)) for _ in range(40)], [64] * 40


@pytest.mark.parametrize(("simulate", "mean"), [(ordinary, 2.0), (skewed, 0.1)], ids=["levels", "skewed"])
def test_an_interval_holds_the_mean_as_often_as_it_says(simulate, mean):
    chance = random.Random(5)
    held = 0
    for _ in range(SIMULATIONS):
        low, high = clustered(*simulate(chance)).interval
        held += low <= mean <= high
    assert 0.93 <= held / SIMULATIONS <= 0.97


def test_tokens_taken_for_independent_would_promise_too_much():
    chance = random.Random(5)
    held = 0
    for _ in range(200):
        levels = [chance.gauss(0, 0.5) for _ in range(30)]
        low, high = clustered([value for level in levels for value in drawn(chance, level, 50)], [1] * 1500).interval
        held += low <= 2 <= high
    assert held / 200 < 0.8


@pytest.mark.parametrize(("freedom", "wanted"), T975.items())
def test_students_t_is_that_of_the_tables(freedom, wanted):
    assert student_t(0.975, freedom) == pytest.approx(wanted, rel=2e-3 if freedom == 3 else 5e-4)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.integers(1, 4096))
def test_clusters_of_one_size_have_the_error_of_their_means(means, size):
    found = clustered([mean * size for mean in means], [size] * len(means))
    assert found.value == pytest.approx(statistics.fmean(means), abs=1e-9)
    assert found.se == pytest.approx(statistics.stdev(means) / math.sqrt(len(means)), abs=1e-9)
    assert found.clusters == len(means)


@given(CLUSTERS, st.randoms())
def test_the_order_of_clusters_does_not_matter(clusters, chance):
    shuffled = chance.sample(clusters, len(clusters))
    assert clustered(*zip(*shuffled, strict=True)) == clustered(*zip(*clusters, strict=True))


@given(CLUSTERS, st.floats(0.01, 100))
def test_a_unit_is_only_a_factor(clusters, factor):
    sums, counts = zip(*clusters, strict=True)
    scaled = clustered([factor * s for s in sums], counts)
    wanted = clustered(sums, counts).times(factor)
    assert scaled.value == pytest.approx(wanted.value, abs=1e-6)
    assert scaled.se == pytest.approx(wanted.se, abs=1e-6)


def test_a_single_cluster_tells_nothing_of_its_error():
    found = clustered([6.0], [3])
    assert found == Estimate(2.0, None, 1)
    assert found.interval is None
    assert found.exp().se is None


def test_what_is_too_large_for_an_exponential_is_infinite():
    assert clustered([1e5, 1e5], [1, 1]).exp().value == math.inf


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50), st.sampled_from([0.001, 0.5, 0.9, 0.99, 0.999, 1]))
def test_a_quantile_is_a_value_that_enough_do_not_exceed(values, share):
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-6


def test_the_thousandth_of_a_thousand_is_not_the_last():
    assert quantile(list(range(1, 1001)), 0.999) == 999
