"""How arrays lie in their buffers: strides and what MLX concludes from them, which decides where it has to copy.

A layout counts elements, not bytes. Every function tells what mlx 0.32's CPU backend does (backend/common).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the elements of an array are.

    Attributes:
        shape: of the array.
        strides: elements from one to the next, along each axis; 0 where one stands for all.
        data_size: elements of the buffer that it spans.
        is_contiguous: it spans no element that is not its own.
        is_row: its elements follow each other in the order of rows, the last axis first.
        is_column: the same, the first axis first.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    data_size: int
    is_contiguous: bool = True
    is_row: bool = True
    is_column: bool = False

    @property
    def size(self) -> int:
        """How many elements the array has."""
        return math.prod(self.shape)

    @property
    def is_matrix(self) -> bool:
        """Whether a product takes its last two axes as they are, a row or a column after the other."""
        (rows, columns), (across, along) = self.shape[-2:], self.strides[-2:]
        return (across, along) in ((columns, 1), (1, rows))


def fresh(shape: Sequence[int]) -> Layout:
    """Return the layout of a buffer of its own, row after row.

    >>> fresh((2, 3)).strides
    (3, 1)
    """
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    is_column = step <= 1 or step == max(shape, default=1)
    return Layout(tuple(shape), tuple(reversed(strides)), step, is_column=is_column)


def broadcast(given: Layout, shape: Sequence[int]) -> Layout:
    """Return the view that repeats an array along new or short axes."""
    missing = len(shape) - len(given.shape)
    kept = [0 if length == 1 else stride for length, stride in zip(given.shape, given.strides, strict=True)]
    is_larger = math.prod(shape) > given.size
    return replace(
        given,
        shape=tuple(shape),
        strides=(0,) * missing + tuple(kept),
        is_row=given.is_row and not is_larger,
        is_column=given.is_column and not is_larger,
    )


def transposed(given: Layout, axes: Sequence[int]) -> Layout:
    """Return the view with the axes in another order.

    >>> transposed(fresh((2, 3)), (1, 0)).is_column
    True
    """
    shape, strides = (tuple(part[axis] for axis in axes) for part in (given.shape, given.strides))
    turned = replace(given, shape=shape, strides=strides)
    if given.is_contiguous and given.data_size == given.size:
        _, is_row, is_column = _contiguity(shape, strides)
        return replace(turned, is_row=is_row, is_column=is_column)
    return turned


def sliced(given: Layout, shape: Sequence[int], steps: Sequence[int]) -> Layout:
    """Return the view of a part.

    Args:
        given: of the whole.
        shape: of the part.
        steps: elements from one to the next, along each axis of the whole.
    """
    strides = tuple(stride * step for stride, step in zip(given.strides, steps, strict=True))
    spanned = 1 + sum(abs(stride) * (length - 1) for stride, length in zip(strides, shape, strict=True))
    own, is_row, is_column = _contiguity(shape, strides)
    return Layout(tuple(shape), strides, spanned, own == spanned, is_row, is_column)


def expanded(given: Layout, shape: Sequence[int], axes: Sequence[int]) -> Layout:
    """Return the view with axes of length 1 put in.

    Args:
        given: without them.
        shape: with them.
        axes: where they are in that shape.
    """
    strides = iter(given.strides)
    put = tuple(1 if axis in axes else next(strides) for axis in range(len(shape)))
    return replace(given, shape=tuple(shape), strides=put)


def squeezed(given: Layout, axes: Sequence[int]) -> Layout:
    """Return the view with axes of length 1 left out."""
    kept = [axis for axis in range(len(given.shape)) if axis not in axes]
    shape, strides = (tuple(part[axis] for axis in kept) for part in (given.shape, given.strides))
    return replace(given, shape=shape, strides=strides)


def reshaped(given: Layout, shape: Sequence[int]) -> Layout | None:
    """Return the view in another shape; None where the array has to be copied for it."""
    if given.is_row or given.size == 0:
        strides = fresh(shape).strides
    else:
        found = _regrouped(given, shape)
        if found is None:
            return None
        strides = found
    is_column = given.is_column
    if given.is_row:
        is_column = given.size <= 1 or given.size == max(shape, default=1)
    return replace(given, shape=tuple(shape), strides=strides, is_column=is_column)


def _regrouped(given: Layout, shape: Sequence[int]) -> tuple[int, ...] | None:
    """Return strides of another shape over the same elements, when each old axis splits into new ones."""
    lengths, steps = _collapsed(given)
    strides, at = list[int](), 0
    for length in shape:
        if at < len(lengths) and lengths[at] % length == 0:
            lengths[at] //= length
            strides.append(lengths[at] * steps[at])
            at += lengths[at] == 1
        elif length == 1:
            strides.append(strides[-1])
        else:
            return None
    return tuple(strides)


def _collapsed(given: Layout) -> tuple[list[int], list[int]]:
    """Return lengths and strides with neighbours joined where one goes on where the other ends."""
    lengths, steps = list[int](), list[int]()
    for length, stride in zip(given.shape, given.strides, strict=True):
        if length == 1:
            continue
        if lengths and steps[-1] == stride * length:
            lengths[-1] *= length
            steps[-1] = stride
        else:
            lengths.append(length)
            steps.append(stride)
    return (lengths, steps) if lengths else ([1], [0])


def _contiguity(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, bool, bool]:
    """Return the elements that are not repeated, and whether they follow each other in rows and in columns."""
    own, down, up, is_row, is_column = 1, 1, 1, True, True
    for first, last in zip(range(len(shape)), reversed(range(len(shape))), strict=True):
        is_column &= strides[first] == down or shape[first] == 1
        is_row &= strides[last] == up or shape[last] == 1
        down *= shape[first]
        up *= shape[last]
        own *= shape[first] if strides[first] > 0 else 1
    return own, is_row, is_column
