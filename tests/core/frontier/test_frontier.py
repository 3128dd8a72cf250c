"""The frontier: what is held against what, where each figure is from, what is best, and what fits."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from mlxkit.core.frontier import METRICS, Limit, compared, drawn_up, originals
from mlxkit.core.measurement import Subject
from mlxkit.core.numbers import number
from tests.fakes.cards import LEDGERS, ORIGINAL, judged, taken, timed
from tests.fakes.frontiers import FIGURES, HOSTILE, LARGE, MIDDLE, RIVAL, SMALL, SOURCE, frontier, hostile, measurements

BY_ID = {one.id: one for one in measurements()}


def test_only_what_one_original_judged_on_one_text_is_held_against_each_other() -> None:
    found = frontier()

    assert [point.name for point in found.points] == ["S-2.5bpw", "S-3.5bpw", "S-3bit", "S-4.5bpw", "acme/Small"]
    assert found.title == "acme/Small, scaled down"
    assert found.text == "news.jsonl, 16,352 tokens, rows of 512 tokens"
    assert any("other.txt" in note for note in found.notes)
    assert any("other originals" in note for note in found.notes)


def test_every_reading_is_what_its_measurement_says() -> None:
    for point in frontier().points:
        for name, reading in point.readings.items():
            said = BY_ID[reading.measurement_id]
            assert said.subject.digest == point.digest
            assert reading.value == said.summary[reading.key]
            if name == "task":
                assert [reading.low, reading.high] == said.summary["interval_95"]
            else:
                error = said.summary["generation_tps_sd" if name == "speed" else f"{reading.key}_se"]
                assert (reading.low, reading.high) == (reading.value - error, reading.value + error)


def test_of_two_machines_the_one_that_timed_most_weights_is_shown() -> None:
    small, *_ = frontier().points

    assert small.readings["speed"].value == 90.0
    assert "M4 Max" in small.machine


def test_the_original_stands_beside_its_weights_without_a_loss() -> None:
    original = frontier().points[-1]

    assert (original.weights.kind, original.bits_per_weight) == ("original", 16.0)
    assert set(original.readings) == {"task", "speed"}


def test_the_edge_is_better_than_all_that_is_smaller() -> None:
    found = frontier()
    edges = {one.name: [point.name for point in found.edge(one)] for one in found.metrics}

    assert edges["kl"] == ["S-2.5bpw", "S-3.5bpw", "S-4.5bpw"]
    assert edges["speed"] == ["S-2.5bpw"]
    assert edges["task"] == ["S-2.5bpw", "S-3.5bpw", "S-3bit", "acme/Small"]


@pytest.mark.parametrize(
    ("room", "name"),
    [
        (10**9, "S-4.5bpw"),
        (200_000, "S-4.5bpw"),
        (199_999, "S-3.5bpw"),
        (110_000, "S-2.5bpw"),
        (109_999, None),
        (-1, None),
    ],
)
def test_the_choice_is_the_least_loss_that_fits(room: int, name: str | None) -> None:
    choice = frontier().choice(Limit("it", room, 4096, "assumed"))

    assert (choice.name if choice else None) == name


def test_of_two_that_lose_as_much_the_smaller_is_chosen() -> None:
    twin = judged(30, 0.0081, subject=Subject("8" * 64, "twin"), summary={"size_bytes": 190_000})

    choice = frontier(twin).choice(Limit("it", 10**9, None, "assumed"))

    assert choice is not None
    assert choice.name == "twin"


def test_weights_that_were_made_again_under_one_name_are_told_apart() -> None:
    again = judged(30, 0.05, subject=Subject("8" * 64, "elsewhere/S-3bit"), summary={"size_bytes": 154_000})

    names = {point.name for point in frontier(again).points}

    assert {"S-3bit (44444444)", "S-3bit (88888888)", "S-4.5bpw"} <= names


def test_names_that_are_asked_for_are_all_that_is_compared() -> None:
    found = compared(measurements(), {SMALL.digest, RIVAL.digest})

    assert found is not None
    assert [one.subject for one in found.judged] == [SMALL, RIVAL]
    assert compared(measurements(), set()) is None
    assert compared(()) is None


def test_originals_are_those_that_judged() -> None:
    assert {one.digest for one in originals(measurements())} == {ORIGINAL, "ee" * 32}


def test_of_a_harness_the_first_share_counts() -> None:
    figures = [
        {"task": "w", "metric": "ppl", "value": 9.0},
        {"task": "a", "metric": "acc", "value": 0.5, "stderr": 0.1},
    ]
    asked = [
        taken("task", 40 + number, subject=subject, workload={"task": "a"}, summary={"figures": figures})
        for number, subject in enumerate((*FIGURES, SOURCE))
    ]

    reading = frontier(*asked).points[0].readings["task"]

    assert (reading.value, reading.key, reading.low) == (0.5, "figures.1.value", 0.4)


def test_a_speed_that_was_taken_in_a_bad_state_says_so() -> None:
    noisy = timed(50, 91.0, subject=SMALL, summary={"size_bytes": 110_000, "marks": ["The machine was not idle."]})

    assert "Speed of S-2.5bpw: The machine was not idle." in frontier(noisy).notes


def test_where_names_lie_is_nobodys_business() -> None:
    assert "~/m" not in json.dumps(frontier().data())


def test_data_names_points_by_their_place() -> None:
    data = frontier().data()

    assert [one["device"] for one in data["devices"]] == ["Watch", "Pocket board", "Desk board", "Phone"]
    assert [one["choice"] for one in data["devices"]] == [None, 1, 1, 3]
    assert [one["name"] for one in data["metrics"]] == list(METRICS)
    assert data["metrics"][0]["edge"] == [0, 1, 3]
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_a_name_from_elsewhere_is_kept_as_text() -> None:
    assert HOSTILE.rpartition("/")[2] in {point.name for point in hostile().points}


@settings(max_examples=60)
@given(LEDGERS)
def test_whatever_a_ledger_holds_is_drawn_up_or_left_out(found: list) -> None:
    comparison = compared(found)
    if comparison is None:
        return
    drawn = drawn_up(comparison, found, limits=(Limit("it", 10**6, None, "assumed"),))

    json.dumps(drawn.data(), allow_nan=False)
    ids = {one.id for one in found}
    assert {reading.measurement_id for point in drawn.points for reading in point.readings.values()} <= ids
    assert all(number(point.size_bytes) for point in drawn.points)


def test_speed_alone_is_no_comparison() -> None:
    assert compared([timed(1, 5.0, subject=SMALL), replace(judged(2, 0.1, subject=MIDDLE), is_complete=False)]) is None
    assert LARGE in FIGURES
