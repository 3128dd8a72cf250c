"""Labels side by side: none over another, in order, where they want to be when there is room."""

from hypothesis import given
from hypothesis import strategies as st

from mlxkit.render.spreading import spread

LABELS = st.lists(st.tuples(st.floats(-50, 150), st.floats(1, 9)), max_size=10)


@given(LABELS)
def test_no_label_lies_over_another_or_outside(labels: list[tuple[float, float]]) -> None:
    wanted, heights = [label[0] for label in labels], [label[1] for label in labels]

    middles = spread(wanted, heights, 0, 100)

    placed = sorted(zip(middles, heights, wanted, strict=True))
    ends = [0.0, *(middle + height / 2 for middle, height, _ in placed)]
    starts = [*(middle - height / 2 for middle, height, _ in placed), 100.0]
    assert all(end <= start + 1e-6 for end, start in zip(ends, starts, strict=True))
    assert [want for _, _, want in placed] == sorted(wanted)


def test_what_has_room_stays_where_it_wants_to_be() -> None:
    assert spread([80.0, 20.0, 50.0], [10.0, 10.0, 10.0], 0, 100) == [80.0, 20.0, 50.0]


def test_more_than_there_is_room_for_goes_over_the_upper_end() -> None:
    assert spread([1.0, 2.0], [60.0, 60.0], 0, 100) == [30.0, 90.0]
