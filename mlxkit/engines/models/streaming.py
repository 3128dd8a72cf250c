"""A model's weights as a stream of bytes: each tensor is evaluated when its turn comes, and let go."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_map_with_path

from mlxkit.core.checkpoint import Tensor
from mlxkit.core.errors import CheckpointError, IntegrityError
from mlxkit.core.progress import Progress

_NAMES = {
    mx.bool_: "BOOL",
    mx.uint8: "U8",
    mx.int8: "I8",
    mx.uint16: "U16",
    mx.int16: "I16",
    mx.float16: "F16",
    mx.bfloat16: "BF16",
    mx.uint32: "U32",
    mx.int32: "I32",
    mx.float32: "F32",
    mx.uint64: "U64",
    mx.int64: "I64",
}


CACHE_BYTES = 64 * 2**20
"""Freed buffers that MLX may keep while weights stream through: enough to reuse, too few to add up."""


AHEAD_BYTES = 64 * 2**20
"""What streams may have made before it is taken: enough that no processor waits, too little to add up."""


@contextmanager
def small_cache() -> Iterator[None]:
    """Keep MLX from hoarding freed buffers, which would otherwise grow with the checkpoint; restored afterwards."""
    before = mx.set_cache_limit(CACHE_BYTES)
    try:
        yield
    finally:
        mx.set_cache_limit(before)
        mx.clear_cache()


class Together:
    """What streams make of the same modules, begun for all of them at once, and some modules ahead.

    Args:
        streams: none of which has been taken from.
    """

    def __init__(self, streams: Sequence["Stream"]) -> None:
        self._waiting: dict[str, list[mx.array]] = {}
        for stream in streams:
            for tensor in stream.tensors:
                self._waiting.setdefault(tensor.module, []).append(stream.arrays[tensor.name])
        self._places = {module: place for place, module in enumerate(self._waiting)}
        self._begun: dict[int, int] = {}

    def begin(self, module: str) -> None:
        """Begin what is made of a module, and of those that follow as far as it is not too much to hold."""
        place = self._places[module]
        self._begun = {one: size for one, size in self._begun.items() if one > place}
        while self._waiting:
            name = next(iter(self._waiting))
            size = sum(array.nbytes for array in self._waiting[name])
            if self._places[name] > place and sum(self._begun.values()) + size > AHEAD_BYTES:
                break
            self._begun[self._places[name]] = size
            mx.async_eval(self._waiting.pop(name))  # type: ignore[no-untyped-call, unused-ignore]


@dataclass
class Stream:
    """The weights of a model that has been emptied.

    Attributes:
        tensors: what there is, in the model's order.
        arrays: lazy values, each let go once it was taken.
        sums: for each floating weight its sum, lazy: not finite if any element is not.
        together: what is begun before its turn comes; None for nothing.
    """

    tensors: tuple[Tensor, ...]
    arrays: dict[str, mx.array]
    sums: dict[str, mx.array] = field(default_factory=dict)
    together: "Together | None" = None

    def take(self, tensor: Tensor) -> memoryview:
        """Evaluate one tensor, give its bytes, and forget it.

        Raises:
            IntegrityError: the weight it comes from holds NaN or infinity.
        """
        if self.together is not None:
            self.together.begin(tensor.module)
        array = mx.contiguous(self.arrays.pop(tensor.name)).reshape(-1).view(mx.uint8)
        total = self.sums.pop(tensor.name, None)
        if total is None:
            mx.eval(array)
        else:
            mx.eval(array, total)
            _demand_finite(tensor.name, total)
        view: memoryview = memoryview(array)  # type: ignore[arg-type, unused-ignore]  # mlx does not declare that it is a buffer
        return view


def cast(model: nn.Module, dtype: str) -> None:
    """Cast floating weights, lazily, except those that the model's class keeps as they are.

    Args:
        model: changed in place.
        dtype: ``bfloat16``, ``float16`` or ``float32``.
    """
    target = getattr(mx, dtype)
    wanted = getattr(model, "cast_predicate", lambda _: True)

    def convert(path: str, array: mx.array) -> mx.array:
        return array.astype(target) if wanted(path) and mx.issubdtype(array.dtype, mx.floating) else array

    model.update(tree_map_with_path(convert, model.parameters()))


def evaluate(model: nn.Module, name: str, progress: Progress) -> None:
    """Bring every weight into memory.

    Args:
        model: with lazy weights.
        name: of the phase.
        progress: told the bytes.
    """
    arrays = [array for _, array in tree_flatten(model.parameters())]
    with progress.phase(name, sum(array.nbytes for array in arrays), "bytes") as advance:
        for array in arrays:
            mx.eval(array)
            advance(array.nbytes)


def finite_sums(model: nn.Module) -> dict[str, mx.array]:
    """Return a lazy sum of each floating weight, accumulated in float32: NaN and infinity survive every addition."""
    return {
        name: _sum(array) for name, array in tree_flatten(model.parameters()) if mx.issubdtype(array.dtype, mx.floating)
    }


def demand_finite(model: nn.Module, progress: Progress) -> None:
    """Read all weights once.

    Args:
        model: with lazy weights, which stay as they are.
        progress: told the weights read.

    Raises:
        IntegrityError: one holds NaN or infinity.
    """
    sums = finite_sums(model)
    with progress.phase("Reading weights", len(sums), "count") as advance:
        for name, total in sums.items():
            _demand_finite(name, total)
            advance(1)


def _demand_finite(name: str, total: mx.array) -> None:
    if not mx.isfinite(total).item():
        raise IntegrityError(f"The weights hold NaN or infinity, in {name!r}.", hint="fetch the checkpoint again")


def _sum(array: mx.array) -> mx.array:
    # float16 overflows in a sum of finite values; the exponents of the others leave room for 2**30 weights.
    return array.astype(mx.float32).sum() if array.dtype == mx.float16 else array.sum()


def parameters(model: nn.Module) -> int:
    """Return how many numbers the weights of an unquantized model are."""
    return sum(array.size for _, array in tree_flatten(model.parameters()))


def size_bytes(model: nn.Module) -> int:
    """Return the bytes of all weights as they are now."""
    return sum(array.nbytes for _, array in tree_flatten(model.parameters()))


@contextmanager
def lane(number: int) -> Iterator[None]:
    """Let what is computed on the CPU be computed on one of its processors, where there are several.

    Args:
        number: of the processor, modulo how many there are.
    """
    if mx.default_device() != mx.cpu:
        yield
        return
    with mx.stream(_lanes()[number % len(_lanes())]):
        yield


@cache
def _lanes() -> list[mx.ThreadLocalStream]:
    return [mx.new_thread_local_stream(mx.cpu) for _ in range(os.cpu_count() or 1)]


def side_by_side(streams: Sequence[Stream]) -> None:
    """Let streams that are made of the same weights begin each module together."""
    together = Together(streams)
    for stream in streams:
        stream.together = together


def drain(model: nn.Module, sums: dict[str, mx.array]) -> Stream:
    """Take the weights out of a model, which is empty afterwards: nothing else may hold what was written.

    Raises:
        CheckpointError: a weight has a dtype that safetensors has no name for.
    """
    arrays = dict(tree_flatten(model.parameters()))
    model.clear()
    for name, array in arrays.items():
        if array.dtype not in _NAMES:
            raise CheckpointError(f"{name!r} has the dtype {array.dtype}, which safetensors cannot hold.")
    tensors = tuple(Tensor(name, _NAMES[array.dtype], tuple(array.shape)) for name, array in arrays.items())
    return Stream(tensors, arrays, {name: total for name, total in sums.items() if name in arrays})
