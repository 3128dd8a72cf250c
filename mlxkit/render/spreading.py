"""Labels side by side, each as near as can be to where it belongs."""

from collections.abc import Sequence


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Return middles of labels that do not overlap: the nearest to the wanted ones, by least squares.

    Labels that would overlap are gathered to a stack around the mean of where they want to be, as are stacks.

    Args:
        wanted: the middle that each label wants, upwards.
        heights: of the labels, in the same unit.
        low: where the lowest may begin.
        high: where the highest may end; more than the labels need, or they reach beyond it.

    >>> spread([10.0, 10.0, 50.0], [4.0, 4.0, 4.0], 0.0, 100.0)
    [8.0, 12.0, 50.0]
    >>> spread([1.0, 99.0], [4.0, 4.0], 0.0, 100.0)
    [2.0, 98.0]
    """
    stacks: list[tuple[list[int], float]] = []  # the labels of each, upwards, and where it begins
    for index in sorted(range(len(wanted)), key=lambda i: wanted[i]):
        members = [index]
        start = _start(members, wanted, heights, low, high)
        while stacks and stacks[-1][1] + sum(heights[i] for i in stacks[-1][0]) > start:
            members = [*stacks.pop()[0], *members]
            start = _start(members, wanted, heights, low, high)
        stacks.append((members, start))
    middles = [0.0] * len(wanted)
    for members, bottom in stacks:
        start = bottom
        for index in members:
            middles[index] = start + heights[index] / 2
            start += heights[index]
    return middles


def _start(members: list[int], wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> float:
    below, wishes = 0.0, 0.0
    for index in members:
        wishes += wanted[index] - heights[index] / 2 - below
        below += heights[index]
    return max(low, min(high - below, wishes / len(members)))
