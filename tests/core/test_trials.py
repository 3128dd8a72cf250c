import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.errors import PlanError
from mlxkit.core.trials import ENOUGH_FOR_P95, Spread, Trial, Workload, grid, in_turn, is_warm

VALUES = st.lists(st.floats(0.1, 1000), min_size=1, max_size=60)


def trial(prefill=1.0, total=2.0):
    return Trial(prefill, (prefill + total) / 2, total)


def test_decoding_is_counted_by_its_intervals():
    given_work = Workload(prompt_tokens=512, generated_tokens=129, batch=2)
    found = Trial(prefilled_seconds=2.0, first_seconds=2.5, last_seconds=10.5)
    assert found.prompt_tps(given_work) == 2 * 512 / 2.0
    assert found.generation_tps(given_work) == 2 * 128 / 8.0


def test_a_single_token_has_no_decoding():
    assert Trial(1.0, 1.5, 1.5).generation_tps(Workload(8, 1)) is None


@given(VALUES)
def test_a_spread_is_what_the_statistics_say(values):
    found = Spread(tuple(values)).data("x_tps")
    assert found["x_tps"] == statistics.median(values)
    assert found["x_tps_mean"] == pytest.approx(statistics.fmean(values))
    assert (found["x_tps_min"], found["x_tps_max"]) == (min(values), max(values))
    assert found["x_tps_sd"] == (pytest.approx(statistics.stdev(values), abs=1e-9) if len(values) > 1 else None)
    assert ("x_tps_p95" in found) == (len(values) >= ENOUGH_FOR_P95)
    if "x_tps_p95" in found:
        assert sum(value <= found["x_tps_p95"] for value in values) >= 0.95 * len(values)


@pytest.mark.parametrize(
    ("trials", "warm"),
    [
        ([], False),
        ([trial()], False),
        ([trial(1.0), trial(1.04)], True),
        ([trial(1.0), trial(1.06)], False),
        ([trial(total=2.0), trial(total=2.2)], False),
        ([trial(5.0), trial(1.0), trial(1.0)], True),
        ([trial(1.0), trial(1.0), trial(5.0)], False),
    ],
)
def test_warm_is_when_the_last_two_agree(trials, warm):
    assert is_warm(trials) == warm


@given(st.integers(1, 5), st.integers(1, 9))
def test_models_take_turns(models, repeats):
    turns = list(in_turn(models, repeats))
    assert len(turns) == models * repeats
    assert all(turns[start : start + models] == list(range(models)) for start in range(0, len(turns), models))


def test_a_grid_has_every_combination_once():
    found = grid([8, 16, 8], [2], [0, 64], [1, 4])
    assert len(found) == len(set(found)) == 8
    assert found[0] == Workload(8, 2, 0, 1)
    assert found[-1] == Workload(16, 2, 64, 4)


@pytest.mark.parametrize("wrong", [{"prompt_tokens": 0}, {"generated_tokens": 0}, {"depth": -1}, {"batch": 0}])
def test_a_workload_of_nothing_is_refused(wrong):
    with pytest.raises(PlanError):
        Workload(**wrong)


def test_a_context_holds_all_of_a_row():
    assert Workload(100, 20, 3, 7).context == 123
