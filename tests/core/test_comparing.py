"""What may be compared, by how much it differs, and whether that is chance."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlxkit.core import comparing
from mlxkit.core.comparing import (
    ABSENT,
    Ratio,
    Sense,
    differences,
    is_allowed,
    paired_difference,
    ratio,
    unpaired_difference,
)
from mlxkit.core.estimates import Estimate
from mlxkit.core.measurement import Measurement, Subject, canonical
from mlxkit.core.tasks import Flips
from tests.fakes.measurements import MEASUREMENTS, measurement

ENOUGH = st.lists(st.floats(0.001, 1000), min_size=comparing.ENOUGH, max_size=9)
FEW = st.lists(st.floats(0.001, 1000), min_size=1, max_size=comparing.ENOUGH - 1)
POSITIVE = st.lists(st.floats(0.001, 1000), min_size=1, max_size=8)
SENSE = Sense(larger="slower", smaller="faster")


@given(MEASUREMENTS, MEASUREMENTS)
def test_there_is_a_difference_where_what_must_be_equal_is_not(one: Measurement, other: Measurement) -> None:
    demanded = ("kind", "workload", "machine", "versions", "is_complete")
    left, right = ({name: each.as_json()[name] for name in demanded} for each in (one, other))

    assert bool(differences(one, other)) == (canonical(left) != canonical(right))


@given(MEASUREMENTS)
def test_who_was_measured_when_and_what_came_of_it_may_differ(one: Measurement) -> None:
    other = replace(one, subject=Subject("e" * 64, "other"), summary={"a": 1}, raw={"b": 2}, taken_at=0)

    assert differences(one, other) == {}


@given(MEASUREMENTS, MEASUREMENTS)
def test_the_other_way_round_the_values_are(one: Measurement, other: Measurement) -> None:
    assert differences(one, other) == {field: (b, a) for field, (a, b) in differences(other, one).items()}


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"chip": "M1"}, {"chip": "M2"}, {"machine.chip": ("M1", "M2")}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, {"machine.a.b.c": (1, 2)}),
        ({"a": None}, {}, {"machine.a": (None, ABSENT)}),
        ({}, {"a": None}, {"machine.a": (ABSENT, None)}),
        ({"a": {}}, {"a": {"b": 1}}, {"machine.a": ({}, ABSENT), "machine.a.b": (ABSENT, 1)}),
        ({"a": True}, {"a": 1}, {"machine.a": (True, 1)}),
        ({"a": [1, 2]}, {"a": [1, 2]}, {}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {}),
    ],
)
def test_fields_have_dotted_names(one: dict[str, Any], other: dict[str, Any], found: dict[str, Any]) -> None:
    assert differences(measurement(machine=one), measurement(machine=other)) == found


def test_a_part_of_a_name_is_not_the_name() -> None:
    assert is_allowed("versions.mlx", ["versions.mlx"])
    assert is_allowed("versions.mlx", ["machine", "versions"])
    assert not is_allowed("versions.mlxkit", ["versions.mlx"])
    assert not is_allowed("versions", ["versions.mlx"])


@given(POSITIVE, st.integers(0, 9))
def test_equal_samples_are_no_difference(values: list[float], seed: int) -> None:
    found = ratio(values, values, seed=seed, resamples=200)

    assert found.value == 1
    assert SENSE.of_ratio(found) == "no difference"


@given(ENOUGH, ENOUGH)
def test_an_interval_lies_between_the_ratios_that_can_be_drawn(one: list[float], other: list[float]) -> None:
    interval = ratio(one, other, resamples=100).interval

    assert interval is not None
    assert min(other) / max(one) <= interval[0] <= interval[1] <= max(other) / min(one)


@given(POSITIVE, FEW)
def test_few_values_have_no_interval(values: list[float], few: list[float]) -> None:
    assert ratio(values, few).interval is None
    assert ratio(few, values).interval is None


def test_chance_is_seldom_taken_for_a_difference() -> None:
    rng = random.Random(3)
    pairs = [[[rng.gauss(100, 2) for _ in range(comparing.ENOUGH)] for _ in range(2)] for _ in range(200)]
    told = [SENSE.of_ratio(ratio(*pair, resamples=200)) != "no difference" for pair in pairs]

    assert sum(told) <= 0.1 * len(told)


def test_more_values_tell_more() -> None:
    rng = random.Random(5)
    widths = []
    for number in (8, 64, 512):
        one, other = ([rng.gauss(mean, 1) for _ in range(number)] for mean in (10, 12))
        found = ratio(one, other, resamples=1000)
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 4


def test_the_same_seed_draws_the_same() -> None:
    one, other = [1.0, 1.2, 1.5, 1.1, 1.3], [2.0, 2.5, 2.1, 2.2, 2.7]

    assert ratio(one, other) == ratio(one, other)
    assert ratio(one, other, seed=1, resamples=50).interval != ratio(one, other, seed=2, resamples=50).interval


@pytest.mark.parametrize("sides", [([], [1.0]), ([1.0], []), ([0.0], [1.0]), ([1.0], [-1.0]), ([1.0], [float("nan")])])
def test_a_ratio_needs_values_of_more_than_nothing(sides: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        ratio(*sides)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Ratio(1.5, 1.1, 1.9), "slower"),
        (Ratio(0.5, 0.1, 0.9), "faster"),
        (Ratio(1.5, 0.9, 1.9), "no difference"),
        (Ratio(1.5, 1.0, 1.9), "no difference"),
        (Ratio(0.5, 0.1, 1.0), "no difference"),
        (Ratio(9.0), "no difference"),
    ],
)
def test_a_ratio_is_a_difference_when_its_interval_leaves_out_1(found: Ratio, verdict: str) -> None:
    assert SENSE.of_ratio(found) == verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Estimate(1.0, 0.1, 10), "slower"),
        (Estimate(-1.0, 0.1, 10), "faster"),
        (Estimate(1.0, 0.9, 10), "no difference"),
        (Estimate(1.0, 0.1, 2), "no difference"),
        (Estimate(1.0, None, 1), "no difference"),
    ],
)
def test_a_difference_is_one_when_its_interval_leaves_out_0(found: Estimate, verdict: str) -> None:
    assert SENSE.of_difference(found) == verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Flips(0, 0), "no difference"),
        (Flips(5, 0), "no difference"),
        (Flips(6, 0), "answers fewer"),
        (Flips(0, 6), "answers more"),
        (Flips(12, 8), "no difference"),
    ],
)
def test_flips_are_a_difference_when_chance_seldom_gives_them(found: Flips, verdict: str) -> None:
    assert comparing.ANSWERS.of_flips(found) == verdict


def test_larger_is_better_of_speed_alone() -> None:
    larger = Ratio(2.0, 1.9, 2.1)

    assert comparing.SPEED.of_ratio(larger) == "faster"
    assert comparing.TIME.of_ratio(larger) == "slower"
    assert comparing.LOSS.of_ratio(larger) == "loses more"
    assert comparing.MEMORY.of_ratio(larger) == "needs more"


def rows(values: list[float], clusters: list[int] | None = None, tokens: int = 4) -> list[dict[str, Any]]:
    return [
        {"cluster": cluster, "tokens": tokens, "kl_nats": value}
        for cluster, value in zip(clusters or range(len(values)), values, strict=True)
    ]


@given(st.lists(st.floats(0, 100), min_size=2, max_size=9), st.floats(-1, 1))
def test_what_is_hard_for_both_leaves_with_the_difference(values: list[float], shift: float) -> None:
    found = paired_difference(rows(values), rows([value + 4 * shift for value in values]))

    assert found.value == pytest.approx(shift, abs=1e-9)
    assert found.se == pytest.approx(0, abs=1e-9)


@given(st.lists(st.floats(0, 100), min_size=4, max_size=4), st.lists(st.floats(0, 100), min_size=4, max_size=4))
def test_rows_of_one_cluster_are_one_thing(one: list[float], other: list[float]) -> None:
    clusters = [0, 1, 0, 1]
    whole = paired_difference(
        rows([one[0] + one[2], one[1] + one[3]], tokens=8), rows([other[0] + other[2], other[1] + other[3]], tokens=8)
    )
    found = paired_difference(rows(one, clusters), rows(other, clusters))

    assert found.clusters == 2
    assert found.value == pytest.approx(whole.value)
    assert found.se == pytest.approx(whole.se, abs=1e-9)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6), st.lists(st.floats(0, 100), min_size=2, max_size=6))
def test_the_other_way_round_a_difference_changes_its_sign(one: list[float], other: list[float]) -> None:
    assume(len(one) == len(other))
    found, turned = paired_difference(rows(one), rows(other)), paired_difference(rows(other), rows(one))

    assert found.value == -turned.value
    assert found.se == pytest.approx(turned.se)


@pytest.mark.parametrize(
    "other", [rows([1.0]), rows([1.0, 2.0], [0, 0]), rows([1.0, 2.0], tokens=5)], ids=["fewer", "clusters", "tokens"]
)
def test_other_rows_are_no_pairs(other: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="same rows"):
        paired_difference(rows([1.0, 2.0]), other)


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (Estimate(1.0, 3.0, 10), Estimate(2.0, 4.0, 5), Estimate(1.0, 5.0, 5)),
        (Estimate(1.0, None, 1), Estimate(2.0, 4.0, 5), Estimate(1.0, None, 1)),
        (Estimate(1.0, 0.0, 0), Estimate(2.0, 4.0, 5), Estimate(1.0, None, 0)),
    ],
)
def test_errors_of_two_texts_add_up(one: Estimate, other: Estimate, found: Estimate) -> None:
    assert unpaired_difference(one, other) == found
