"""MLX's operations by what its CPU backend (mlx 0.32) does to memory: new buffers, views, and buffers taken over."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from mlxkit.core.graph import layouts
from mlxkit.core.graph.layouts import Layout, fresh
from mlxkit.core.graph.scheduling import Step


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a graph.

    Attributes:
        name: in the graph.
        shape: of it.
        number_bytes: of each of its numbers.
    """

    name: str
    shape: tuple[int, ...]
    number_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all of them."""
        return math.prod(self.shape) * self.number_bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a graph.

    Attributes:
        name: MLX's, such as "Matmul".
        inputs: that it reads.
        outputs: that it makes, at least one.
        arguments: what else decides on it, as MLX exports it.
    """

    name: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    arguments: Sequence[Any] = ()


FUSED = "Compiled"
"""The name of several operations on each number that `mx.compile` made one of."""

_SAME = frozenset({"Copy", "StopGradient", "Depends", "CustomTransforms"})
_UNARY = frozenset(
    [
        "Abs",
        "ArcCos",
        "ArcCosh",
        "ArcSin",
        "ArcSinh",
        "ArcTan",
        "ArcTanh",
        "BitwiseInvert",
        "Ceil",
        "Conjugate",
        "Cos",
        "Cosh",
        "Erf",
        "ErfInv",
        "Exp",
        "Expm1",
        "Floor",
        "Imag",
        "Log",
        "Log10",
        "Log1p",
        "Log2",
        "LogicalNot",
        "Negative",
        "Real",
        "Round",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Sqrt",
        "Rsqrt",
        "Square",
        "Tan",
        "Tanh",
    ]
)
_BINARY = frozenset(
    [
        "Add",
        "ArcTan2",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
        "BitwiseBinary",
        "Divide",
        "Equal",
        "NotEqual",
        "Greater",
        "GreaterEqual",
        "LeftShift",
        "Less",
        "LessEqual",
        "LogAddExp",
        "LogicalAnd",
        "LogicalOr",
        "Maximum",
        "Minimum",
        "Multiply",
        "Power",
        "Remainder",
        "RightShift",
        "Subtract",
    ]
)
FUSABLE = _UNARY | _BINARY | {"AsType", "Broadcast", "Select"}
"""Operations that `mx.compile` fuses with others."""

_MATRICES = {"Matmul": 2, "AddMM": 2, "GatherMM": 2, "BlockMaskedMM": 2, "SegmentedMM": 2, "GatherQMM": 1}
"""How many of its first inputs a product copies where their last two axes are scattered."""

_Told: TypeAlias = tuple[Layout | None, Sequence[int]]
"""The layout that outputs take over, None for row after row, and which inputs may give their buffers, in order."""

_WORK = {"Pad": 2, "Convolution": 5}
"""How many pieces of work an operation is, where it is more than one."""

_COPYING = frozenset({"SliceUpdate", "DynamicSliceUpdate", "Scatter", "ScatterAxis", "MaskedScatter"})


def steps(operations: Sequence[Operation], given: Mapping[str, Layout]) -> list[Step]:
    """Return what operations do to memory.

    Args:
        operations: each after those whose outputs it reads.
        given: layouts of arrays that are there before; any other is taken for row after row.
    """
    known = dict(given)
    found = []
    for operation in operations:
        read = [known.get(array.name) or fresh(array.shape) for array in operation.inputs]
        step, made = _step(operation, read)
        known.update(zip(step.outputs, made, strict=True))
        found.append(step)
    return found


def _step(operation: Operation, read: Sequence[Layout]) -> tuple[Step, list[Layout]]:
    viewed = _viewed(operation, read)
    if viewed is not None:
        return _view(operation), viewed
    told = _number_by_number(operation, read)
    if told is not None:
        return _elementwise(operation, told)
    if operation.name in _COPYING:
        return _copying(operation, read[0])
    return _new(operation, read)


def _number_by_number(operation: Operation, read: Sequence[Layout]) -> _Told | None:
    """Return what an operation on each number takes over; None when it is another kind of operation."""
    name = operation.name
    if name in _UNARY or name in ("AsType", "Softmax", "ConvertFP8"):
        return _of_one(read[0], is_last=name == "Softmax")
    if name in _BINARY and len(read) == 2:
        return _of_two(read)
    if name == "Select":
        return _of_three(read)
    return _of_many(read, operation.outputs[0].shape) if name == FUSED else None


def _viewed(operation: Operation, read: Sequence[Layout]) -> list[Layout] | None:
    """Return the layouts of outputs that are views of the first input; None when they are not."""
    name, shape, told = operation.name, operation.outputs[0].shape, operation.arguments
    views: dict[str, Callable[[], Layout | None]] = {
        "Transpose": lambda: layouts.transposed(read[0], told[0]),
        "Slice": lambda: layouts.sliced(read[0], shape, told[2]),
        "ExpandDims": lambda: layouts.expanded(read[0], shape, [axis % len(shape) for axis in told[0]]),
        "Squeeze": lambda: layouts.squeezed(read[0], [axis % len(read[0].shape) for axis in told[0]]),
        "Contiguous": lambda: read[0] if read[0].is_row else None,
    }
    if name in _SAME:
        return [read[0]] * len(operation.outputs)
    if name in ("Broadcast", "BroadcastAxes"):
        return [layouts.broadcast(read[0], shape)]
    if name in ("Reshape", "Flatten", "Unflatten"):
        found = layouts.reshaped(read[0], shape)
    elif name == "Split":
        return [layouts.sliced(read[0], part.shape, (1,) * len(part.shape)) for part in operation.outputs]
    elif name == "View":
        found = fresh(shape) if read[0].is_row else None
    else:
        found = views[name]() if name in views else None
    return None if found is None else [found]


def _view(operation: Operation) -> Step:
    names = tuple(array.name for array in operation.outputs)
    inputs = tuple(array.name for array in operation.inputs)
    return Step(inputs, names, (0,) * len(names), viewed=inputs[0], dispatches=1)


def _new(operation: Operation, read: Sequence[Layout]) -> tuple[Step, list[Layout]]:
    """Return the step of an operation whose outputs have buffers of their own, which may have to copy its inputs."""
    name, scratch_bytes = operation.name, 0
    if name in _MATRICES:
        pairs = list(zip(operation.inputs, read, strict=True))[: _MATRICES[name]]
        scratch_bytes = sum(array.size_bytes for array, layout in pairs if not layout.is_matrix)
    elif name in ("QuantizedMatmul", "Scan") and not read[0].is_row:
        scratch_bytes = operation.inputs[0].size_bytes
    elif name == "Convolution":
        scratch_bytes = _unfolded_bytes(operation)
    work = len(read) if name == "Concatenate" else _WORK.get(name, 1)
    step = Step(
        inputs=tuple(array.name for array in operation.inputs),
        outputs=tuple(array.name for array in operation.outputs),
        sizes_bytes=tuple(array.size_bytes for array in operation.outputs),
        scratch_bytes=scratch_bytes,
        dispatches=work + bool(scratch_bytes) + 1,
    )
    return step, [fresh(array.shape) for array in operation.outputs]


def _unfolded_bytes(operation: Operation) -> int:
    """Return what a convolution takes to become a product: all of it in float32, what each output sees beside it."""
    given, weight, made = *operation.inputs[:2], operation.outputs[0]
    unfolded = math.prod(made.shape[:-1]) * math.prod(weight.shape[1:-1]) * given.shape[-1]
    widened = 0 if made.number_bytes == 4 else math.prod(made.shape)
    return 4 * (math.prod(given.shape) + unfolded + math.prod(weight.shape) + widened)


def _elementwise(operation: Operation, told: _Told) -> tuple[Step, list[Layout]]:
    like, asked = told
    outputs = operation.outputs
    layout = fresh(outputs[0].shape) if like is None else like
    donors = [operation.inputs[place] for place in asked]
    step = Step(
        inputs=tuple(array.name for array in operation.inputs),
        outputs=tuple(array.name for array in outputs),
        sizes_bytes=tuple(layout.data_size * array.number_bytes for array in outputs),
        donors=tuple(array.name for array in donors if array.number_bytes == outputs[0].number_bytes),
    )
    return step, [layout] * len(outputs)


def _of_one(given: Layout, *, is_last: bool) -> _Told:
    if given.is_contiguous and (not is_last or given.strides[-1] == 1):
        return given, (0,)
    return None, ()


def _of_two(read: Sequence[Layout]) -> _Told:
    first, second = read
    if first.data_size == 1 and second.data_size == 1:
        return first, ()
    if first.data_size == 1 and second.is_contiguous:
        return second, (1,)
    if second.data_size == 1 and first.is_contiguous:
        return first, (0,)
    if (first.is_row and second.is_row) or (first.is_column and second.is_column):
        return first, (0, 1)
    return None, [place for place, layout in enumerate(read) if layout.is_row]


def _of_three(read: Sequence[Layout]) -> _Told:
    if all(layout.data_size == 1 for layout in read):
        return read[1], ()
    if all(layout.is_row for layout in read) or all(layout.is_column for layout in read):
        return read[0], (0, 1, 2)
    return None, [place for place, layout in enumerate(read) if layout.is_row]


def _of_many(read: Sequence[Layout], shape: tuple[int, ...]) -> _Told:
    places = [place for place, layout in enumerate(read) if layout.size > 1]
    full = [read[place] for place in places]
    is_same = all(layout.shape == shape for layout in full)
    is_alike = all(layout.is_row for layout in full) or all(layout.is_column for layout in full)
    if full and is_same and (is_alike if len(full) > 1 else full[0].is_contiguous):
        return full[0], places
    return None, [place for place in places if read[place].is_row and read[place].shape == shape]


def _copying(operation: Operation, source: Layout) -> tuple[Step, list[Layout]]:
    """Return the step of an operation that writes into a copy of its first input, or into that itself."""
    is_updated = operation.name.endswith("Update")
    is_whole = source.is_row or (is_updated and source.is_contiguous and source.size == source.data_size > 1)
    step, made = _elementwise(operation, (source, (0,)) if is_whole else (None, ()))
    return replace(step, dispatches=3), made
