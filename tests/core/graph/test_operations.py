"""What single operations do to memory, and which of them are compiled into one."""

import pytest

from mlxkit.core.graph.fusing import fuse
from mlxkit.core.graph.operations import FUSED, Array, Operation, steps

SHAPE = (2, 3, 4)


def array(name, shape=SHAPE, number_bytes=2):
    return Array(name, shape, number_bytes)


def step(name, *inputs, shape=SHAPE, number_bytes=2, arguments=()):
    return steps([Operation(name, inputs, (array("out", shape, number_bytes),), arguments)], {})[0]


def test_a_function_of_each_number_may_take_its_inputs_buffer():
    assert step("Exp", array("a")).donors == ("a",)
    assert step("AsType", array("a"), number_bytes=4).donors == ()
    assert step("AsType", array("a"), number_bytes=4).sizes_bytes == (96,)


def test_a_sum_may_take_either_and_a_repeated_one_is_no_larger():
    assert step("Add", array("a"), array("b")).donors == ("a", "b")
    operations = [
        Operation("Broadcast", (array("a", ()),), (array("b"),)),
        Operation("Multiply", (array("b"), array("c")), (array("d"),)),
        Operation("Exp", (array("b"),), (array("e"),)),
    ]
    view, product, small = steps(operations, {})
    assert (view.viewed, view.dispatches) == ("a", 1)
    assert (product.donors, product.sizes_bytes) == (("c",), (48,))
    assert small.sizes_bytes == (2,)


@pytest.mark.parametrize(
    ("name", "shape", "arguments"),
    [
        ("Transpose", (4, 3, 2), ([2, 1, 0],)),
        ("Slice", (2, 3, 2), ((0, 0, 0), (2, 3, 2), (1, 1, 1))),
        ("Reshape", (6, 4), ((6, 4),)),
        ("ExpandDims", (2, 3, 4, 1), ([-1],)),
        ("Broadcast", (5, 2, 3, 4), ((5, 2, 3, 4),)),
    ],
)
def test_views_take_nothing(name, shape, arguments):
    made = step(name, array("a"), shape=shape, arguments=arguments)
    assert (made.viewed, made.sizes_bytes) == ("a", (0,))


def test_a_shape_that_does_not_go_with_the_strides_is_copied():
    operations = [
        Operation("Transpose", (array("a"),), (array("b", (4, 3, 2)),), ([2, 1, 0],)),
        Operation("Reshape", (array("b", (4, 3, 2)),), (array("c", (24,)),), ((24,),)),
    ]
    assert steps(operations, {})[1].sizes_bytes == (48,)


def test_a_product_copies_scattered_inputs():
    operations = [
        Operation("Transpose", (array("a"),), (array("b", (3, 2, 4)),), ([1, 0, 2],)),
        Operation("Matmul", (array("b", (3, 2, 4)), array("c", (3, 4, 5))), (array("d", (3, 2, 5)),)),
    ]
    product = steps(operations, {})[1]
    assert (product.scratch_bytes, product.sizes_bytes, product.dispatches) == (48, (60,), 3)


def test_a_convolution_is_unfolded_in_four_bytes_a_number():
    made = step("Convolution", array("a", (1, 10, 6)), array("w", (6, 3, 1)), shape=(1, 8, 6))
    assert made.scratch_bytes == 4 * (10 * 6 + 8 * 3 * 6 + 6 * 3 + 8 * 6)


def test_writing_into_an_array_takes_its_buffer_if_it_can():
    assert step("SliceUpdate", array("a"), array("b", (2, 1, 4))).donors == ("a",)


def test_an_operation_without_a_rule_has_its_own_output():
    made = step("NoSuchThing", array("a"))
    assert (made.viewed, made.donors, made.sizes_bytes) == (None, (), (48,))


GATED = [
    Operation("Sigmoid", (array("gate"),), (array("s"),)),
    Operation("Multiply", (array("gate"), array("s")), (array("silu"),)),
    Operation("Multiply", (array("silu"), array("up")), (array("out"),)),
]


def test_what_is_compiled_together_is_one_operation():
    (one,) = fuse(GATED, [("Sigmoid", "Broadcast", "Multiply", "Multiply")], ["out"])
    assert (one.name, [part.name for part in one.inputs], one.outputs) == (FUSED, ["gate", "up"], (array("out"),))
    (made,) = steps([one], {})
    assert made.donors == ("gate", "up")


def test_what_somebody_else_reads_is_not_compiled_away():
    reader = Operation("Exp", (array("s"),), (array("e"),))
    kinds = [("Sigmoid", "Multiply", "Multiply")]
    assert fuse([*GATED, reader], kinds, ["out", "e"]) == [*GATED, reader]
    assert fuse(GATED, kinds, ["out", "silu"]) == GATED
    assert fuse(GATED, [("Tanh", "Multiply")], ["out"]) == GATED
