"""Layouts against numpy's strides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.graph import layouts

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def strides(array):
    return tuple(step // array.itemsize for step in array.strides)


def agrees(layout, array):
    """Whether strides are numpy's; those of axes of length 1 mean nothing."""
    pairs = zip(layout.strides, strides(array), layout.shape, strict=True)
    same = all(ours == theirs for ours, theirs, length in pairs if length > 1)
    return layout.shape == array.shape and same and layout.is_row == array.flags.c_contiguous


@given(SHAPES, st.data())
def test_a_turned_array_is_read_in_numpys_order(shape, data):
    axes = data.draw(st.permutations(range(len(shape))))
    array = np.zeros(shape, np.int8).transpose(axes)
    turned = layouts.transposed(layouts.fresh(shape), axes)
    assert agrees(turned, array)
    assert turned.is_column == array.flags.f_contiguous


@given(SHAPES, st.data())
def test_a_part_spans_what_numpys_does(shape, data):
    whole = data.draw(SHAPES.filter(lambda other: len(other) == len(shape)))
    sizes = tuple(map(max, shape, whole))
    array = np.zeros(sizes, np.int8)[tuple(slice(length) for length in shape)]
    part = layouts.sliced(layouts.fresh(sizes), shape, (1,) * len(shape))
    assert agrees(part, array)


@given(SHAPES, st.data())
def test_an_array_is_copied_for_a_shape_where_numpy_copies_it(shape, data):
    axes = data.draw(st.permutations(range(len(shape))))
    array = np.zeros(shape, np.int8).transpose(axes)
    turned = layouts.transposed(layouts.fresh(shape), axes)
    for other in ((-1,), (*array.shape, 1), (1, *array.shape)):
        flat = array.reshape(other)
        found = layouts.reshaped(turned, flat.shape)
        if found is not None:
            assert np.shares_memory(flat, array)
            assert agrees(found, flat) or not turned.is_row
        elif other != (-1,):
            pytest.fail("an axis of length 1 asks for no copy")


def test_a_repeated_array_spans_its_own_numbers_only():
    repeated = layouts.broadcast(layouts.fresh((3, 1)), (2, 3, 4))
    assert (repeated.strides, repeated.data_size, repeated.size) == ((0, 1, 0), 3, 24)
    assert not repeated.is_row
    assert layouts.broadcast(layouts.fresh(()), (5,)).data_size == 1


def test_axes_of_length_one_come_and_go():
    one = layouts.fresh((2, 3))
    assert layouts.squeezed(layouts.expanded(one, (2, 1, 3), (1,)), (1,)) == one


def test_a_product_takes_rows_and_columns_as_they_are():
    matrix = layouts.fresh((2, 3, 4))
    assert matrix.is_matrix
    assert layouts.transposed(matrix, (0, 2, 1)).is_matrix
    assert not layouts.transposed(matrix, (1, 0, 2)).is_matrix
    assert not layouts.sliced(matrix, (2, 3, 2), (1, 1, 1)).is_matrix
