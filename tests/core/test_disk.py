"""When a disk has room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.disk import check_disk, headroom_bytes
from mlxkit.core.errors import DoesNotFitError


@given(st.integers(0, 10**13))
def test_headroom_is_bounded_and_nothing_for_nothing(size: int) -> None:
    headroom = headroom_bytes(size)

    assert headroom == 0 if size == 0 else 64 * 2**20 <= headroom <= 2 * 2**30


@given(st.integers(1, 10**12), st.integers(0, 10**12))
def test_a_disk_has_room_or_it_is_said(size: int, free: int) -> None:
    if size + headroom_bytes(size) <= free:
        check_disk(size, free, "/cache", "hint")
    else:
        with pytest.raises(DoesNotFitError, match="/cache"):
            check_disk(size, free, "/cache", "hint")


def test_what_is_not_known_refuses_nothing() -> None:
    check_disk(10**15, None, "/cache", "hint")
