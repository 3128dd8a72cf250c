"""The course of a machine's state: start, worst, end, and the marks of a row taken in a bad one."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.conditions import POWERS, THERMALS, Conditions, Course

GOOD = Conditions(
    power_source="ac",
    battery_share=0.9,
    is_low_power=False,
    thermal="nominal",
    cpu_speed_limit=1.0,
    swap_used_bytes=1000,
    load_average=1.0,
)
UNKNOWN = Conditions()

SHARES = st.floats(0, 1)
READINGS = st.builds(
    Conditions,
    power_source=st.none() | st.sampled_from(POWERS),
    battery_share=st.none() | SHARES,
    is_low_power=st.none() | st.booleans(),
    thermal=st.none() | st.sampled_from(THERMALS),
    cpu_speed_limit=st.none() | SHARES,
    swap_used_bytes=st.none() | st.integers(0, 2**50),
    load_average=st.none() | st.floats(0, 1e4),
)
COURSES = st.lists(READINGS, min_size=1, max_size=6).map(lambda readings: Course(tuple(readings)))


def course(*readings: Conditions) -> Course:
    return Course(readings)


def test_a_course_tells_start_worst_and_end() -> None:
    hot = replace(GOOD, thermal="serious", cpu_speed_limit=0.6, swap_used_bytes=5000, load_average=9.0)
    unplugged = replace(GOOD, power_source="battery", battery_share=0.2, is_low_power=True, swap_used_bytes=3000)

    data = course(GOOD, hot, unplugged).data()

    assert data["start"] == GOOD.data()
    assert data["end"] == unplugged.data()
    assert data["swap_growth_bytes"] == 4000
    assert data["worst"] == {
        "power_source": "battery",
        "battery_share": 0.2,
        "is_low_power": True,
        "thermal": "serious",
        "cpu_speed_limit": 0.6,
        "swap_used_bytes": 5000,
        "load_average": 9.0,
    }


def test_a_good_row_has_no_mark() -> None:
    assert course(GOOD, GOOD).marks(cores=8) == ()


def test_what_is_not_known_makes_no_mark() -> None:
    assert course(UNKNOWN, UNKNOWN).marks(cores=8) == ()
    assert course(UNKNOWN).worst == UNKNOWN


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        ({"power_source": "battery"}, "The power source changed: a part was taken on battery."),
        ({"is_low_power": True}, "Low Power Mode was on."),
        ({"thermal": "fair"}, "The thermal state was fair."),
        ({"thermal": "critical"}, "The thermal state was critical."),
        ({"cpu_speed_limit": 0.6}, "The processor was held down to 60 % of its speed."),
        ({"swap_used_bytes": 2_001_000}, "Swap grew by 2.00 MB."),
    ],
)
@pytest.mark.parametrize("is_over", [True, False])
def test_a_bad_state_is_marked_whether_it_lasts_or_not(change: dict[str, object], mark: str, is_over: bool) -> None:
    bad = replace(GOOD, **change)

    assert course(GOOD, bad, *([GOOD] if is_over else [])).marks(cores=8) == (mark,)


def test_a_row_that_was_all_taken_on_battery_did_not_change_its_source() -> None:
    battery = replace(GOOD, power_source="battery")

    assert course(battery, UNKNOWN, battery).marks(cores=8) == ("It was taken on battery.",)


def test_every_bad_state_is_marked_in_one_order() -> None:
    worst = Conditions("battery", 0.1, True, "serious", 0.5, 3000, 8.0)

    assert [mark.partition(" ")[0] for mark in course(worst, replace(worst, swap_used_bytes=4000)).marks(cores=8)] == [
        "It",
        "Low",
        "The",
        "The",
        "Swap",
        "The",
    ]


@pytest.mark.parametrize(
    ("start", "end", "cores", "is_marked"),
    [
        (4.1, 0.0, 8, True),
        (4.0, 0.0, 8, False),
        (1.0, 8.0, 8, False),
        (None, 8.0, 8, False),
        (100.0, 0.0, None, False),
    ],
)
def test_only_the_load_at_the_start_tells_of_others(
    start: float | None, end: float, cores: int | None, is_marked: bool
) -> None:
    marks = course(replace(GOOD, load_average=start), replace(GOOD, load_average=end)).marks(cores)

    assert marks == (("The load at the start was 4.1 on 8 cores: the machine was not idle.",) if is_marked else ())


@pytest.mark.parametrize(
    ("used", "growth"),
    [((5,), None), ((None, 5), None), ((None, 5, None, 5), 0), ((5, 3), 0), ((5, 9, 4), 4), ((None, 2, 3), 1)],
)
def test_swap_grows_above_its_first_reading(used: tuple[int | None, ...], growth: int | None) -> None:
    readings = [replace(GOOD, swap_used_bytes=size) for size in used]

    assert course(*readings).swap_growth_bytes == growth


@given(COURSES)
def test_the_worst_is_one_of_the_readings_and_none_is_worse(found: Course) -> None:
    def badness(name: str, value: object) -> object:
        ranks = {"power_source": POWERS, "thermal": THERMALS}
        if name in ranks:
            return ranks[name].index(value)  # type: ignore[arg-type]
        return -value if name in ("battery_share", "cpu_speed_limit") else value  # type: ignore[operator]

    for field in fields(Conditions):
        worst = getattr(found.worst, field.name)
        known = [value for one in found.readings if (value := getattr(one, field.name)) is not None]
        assert (worst is None) == (not known)
        assert not known or badness(field.name, worst) == max(badness(field.name, value) for value in known)


@given(COURSES, st.integers(1, 512))
def test_a_reading_of_nothing_changes_nothing_but_the_end(found: Course, cores: int) -> None:
    longer = Course((*found.readings, UNKNOWN))

    assert longer.worst == found.worst
    assert longer.swap_growth_bytes == found.swap_growth_bytes
    assert longer.marks(cores) == found.marks(cores)


@given(COURSES)
def test_swap_growth_is_told_from_two_readings_on_and_never_negative(found: Course) -> None:
    used = [one.swap_used_bytes for one in found.readings if one.swap_used_bytes is not None]

    assert (found.swap_growth_bytes is None) == (len(used) < 2)
    assert found.swap_growth_bytes is None or found.swap_growth_bytes + used[0] == found.worst.swap_used_bytes


@given(COURSES)
def test_a_course_is_json(found: Course) -> None:
    assert json.loads(json.dumps(found.data(), allow_nan=False)) == found.data()
