"""Values as people read them."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.report import Unit
from mlxkit.render.quantities import UNKNOWN, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "bytes", "0 bytes"),
        (999, "bytes", "999 bytes"),
        (1000, "bytes", "1.00 kB"),
        (999_499, "bytes", "999 kB"),
        (999_500, "bytes", "1.00 MB"),
        (2_263_022_592, "bytes", "2.26 GB"),
        (68_719_476_736, "bytes", "68.7 GB"),
        (5 * 10**15, "bytes", "5000 TB"),
        (4_022_468_096, "count", "4,022,468,096"),
        (262_144, "tokens", "262,144 tokens"),
        (4.5018, "bits", "4.50"),
        (0.0312, "seconds", "31 ms"),
        (1.0, "seconds", "1.00 s"),
        (134.52, "tps", "134.5 tok/s"),
        (0.28125, "share", "28.1 %"),
        (True, "flag", "yes"),
        (False, "flag", "no"),
        ("text", "text", "text"),
        (("1", "2"), "text", "1, 2"),
        ((), "text", "none"),
    ],
)
def test_a_value_reads_by_its_unit(value: object, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", ["text", "bytes", "count", "tokens", "bits", "seconds", "tps", "share", "flag"])
def test_what_is_not_known_says_so_in_every_unit(unit: Unit) -> None:
    assert shown(None, unit) == UNKNOWN


@given(st.integers(min_value=0, max_value=10**15))
def test_a_size_has_three_digits_and_is_right_to_one_percent(size: int) -> None:
    number, unit = shown(size, "bytes").split()
    factor = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}[unit]

    assert len(re.sub(r"\D", "", number)) <= 4
    assert abs(float(number) * factor - size) <= max(0.005 * size, 0)


def test_a_moment_is_told_in_the_time_of_the_place() -> None:
    noon = datetime(2026, 11, 22, 12, 0).astimezone()

    assert shown(noon.timestamp(), "moment") == "2026-11-22 12:00"
