"""What a schedule holds: counted by hand for small graphs."""

from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.graph.scheduling import GROUP, GROUPS_AHEAD, QUICK_BYTES, Step, held_bytes, in_order

MB = 10**6


def chain(length, **changes):
    """Each step reads what the one before made, into a buffer of its own."""
    return [Step((f"a{number}",), (f"a{number + 1}",), (MB,), **changes) for number in range(length)]


def test_nothing_is_given_back_while_the_worker_is_behind():
    peak, left = held_bytes(chain(20), {"a0": MB}, ["a20"])
    assert (peak, left) == (21 * MB, MB)


def test_a_long_chain_holds_what_is_under_way():
    ahead = GROUP * (GROUPS_AHEAD + 1) // 2  # two dispatches each
    peak, left = held_bytes(chain(1000), {"a0": MB}, ["a1000"])
    assert ahead - 2 <= peak / MB <= ahead + 2
    assert left == MB


def test_a_buffer_is_taken_over_by_who_reads_it_last():
    steps = [Step((f"a{number}",), (f"a{number + 1}",), (MB,), donors=(f"a{number}",)) for number in range(50)]
    assert held_bytes(steps, {"a0": MB}, ["a50"]) == (MB, MB)
    # Somebody else holds the first one, and the second has other readers.
    assert held_bytes(steps, {"a0": MB}, ["a0", "a50"]) == (2 * MB, 2 * MB)
    assert held_bytes([*steps, Step(("a1",), ("b",), (0,))], {"a0": MB}, ["a50"])[0] == 2 * MB


def test_a_buffer_that_is_much_too_large_is_not_taken_over():
    step = Step(("a",), ("b",), (MB,), donors=("a",))
    assert held_bytes([step], {"a": 3 * MB}, ["b"]) == (4 * MB, MB)


def test_a_view_keeps_what_it_shows():
    steps = [Step(("a",), ("b",), (MB,)), Step(("b",), ("c",), (0,), viewed="b", dispatches=1)]
    assert held_bytes(steps, {}, ["c"]) == (MB, MB)


def test_a_copy_goes_when_the_step_is_done():
    assert held_bytes([Step(("a",), ("b",), (MB,), scratch_bytes=MB)], {}, ["b"]) == (2 * MB, MB)


def test_small_work_is_done_at_once():
    small = QUICK_BYTES // 4
    steps = [Step((f"a{number}",), (f"a{number + 1}",), (small,)) for number in range(100)]
    assert held_bytes(steps, {"a0": small}, ["a100"])[0] <= 3 * small


def test_steps_come_after_what_they_read_and_only_if_wanted():
    steps = [Step((), ("a",), (1,)), Step(("a",), ("b",), (1,)), Step(("a",), ("c",), (1,)), Step((), ("no",), (1,))]
    assert [step.outputs[0] for step in in_order(steps, ["b", "c"])] == ["a", "c", "b"]


@given(st.lists(st.lists(st.integers(0, 60), max_size=4), min_size=1, max_size=60))
def test_any_graph_is_put_in_order_and_ends_with_what_is_kept(reads):
    steps = [
        Step(tuple(f"a{place}" for place in places if place < number), (f"a{number}",), (MB,))
        for number, places in enumerate(reads)
    ]
    wanted = [f"a{len(steps) - 1}"]
    found = in_order(steps, wanted)
    made = set()
    for step in found:
        assert made.issuperset(step.inputs)
        made.update(step.outputs)
    assert made.issuperset(wanted)
    peak, left = held_bytes(found, {}, wanted)
    assert left == MB
    assert MB <= peak <= MB * len(found)
