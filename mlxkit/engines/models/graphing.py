"""A model's own graph, read with nothing evaluated: what prefilling does to memory on MLX's CPU backend."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_map, tree_unflatten
from mlx_lm.models.cache import make_prompt_cache

from mlxkit.core.fitting import PREFILL_STEP
from mlxkit.core.graph.fusing import fuse
from mlxkit.core.graph.operations import FUSABLE, FUSED, Array, Operation, steps
from mlxkit.core.graph.scheduling import held_bytes, in_order
from mlxkit.engines.models.caching import Filling, arrays, chunks, leaves

_FEW_TOKENS = 3
"""Enough to see which operations are compiled together."""

_LAYERS = 12
"""So many of the first layers are looked at: what is under way at once spans one or two, and kinds of layers repeat."""

_SHORT = 256
"""Contexts within one chunk are looked at in multiples of it, and interpolated between them."""

_NEAR = 4
"""Chunks that are looked at each; beyond, what a chunk takes grows evenly, and only powers of two are."""


@dataclass(frozen=True)
class Chunk:
    """What a chunk of a prompt takes on MLX's CPU backend.

    Attributes:
        work_bytes: at its peak, beside weights and the caches that it ends with.
        cache_bytes: of those caches.
    """

    work_bytes: int
    cache_bytes: int

    def towards(self, other: "Chunk", share: float) -> "Chunk":
        """Return what lies between two, by a share of the way."""
        pairs = ((self.work_bytes, other.work_bytes), (self.cache_bytes, other.cache_bytes))
        return Chunk(*(round(low + (high - low) * share) for low, high in pairs))


class Graph:
    """What a model computes, chunk by chunk.

    Args:
        model: the mlx-lm module, lazy; its weights are not read.
        is_plain: look at it as if its numbers were of four bytes.
    """

    def __init__(self, model: nn.Module, *, is_plain: bool = False) -> None:
        self._model = model
        self._is_plain = is_plain
        self._known: dict[tuple[int, int, int], Chunk] = {}
        self._filling: dict[int, Filling] = {}

    def workspace_bytes(self, tokens: int, batch: int) -> int:
        """Return what filling a context takes at its peak beside weights and the cache that it ends with.

        It is the peak of the last whole chunk, or of what is left after it. Few chunks are looked at: what one takes
        is a straight line in what is before it, and a square in its own tokens, because its scores are.

        Args:
            tokens: of each row, at least 1; the last one comes alone.
            batch: rows.

        Raises:
            Exception: as `chunk`.
        """
        number, rest = divmod(tokens - 1, PREFILL_STEP)
        if number == 0:
            low, high = rest // _SHORT * _SHORT, -(-rest // _SHORT) * _SHORT
            return self.chunk(low, 0, batch).towards(self.chunk(high, 0, batch), (rest - low) / _SHORT).work_bytes
        last, following = (self._whole(one, batch) for one in (number, number + 1))
        share = rest / PREFILL_STEP
        grown = share * (following.cache_bytes - last.cache_bytes)
        if number < _NEAR:
            half = self.chunk(PREFILL_STEP // 2, number * PREFILL_STEP, batch).work_bytes
            straight = 4 * half - following.work_bytes
            part = straight * share + (following.work_bytes - straight) * share**2
        else:
            part = following.work_bytes * share
        return max(0, round(last.work_bytes - grown), round(part))

    def chunk(self, tokens: int, before: int, batch: int) -> Chunk:
        """Return what a chunk of a prompt takes.

        Args:
            tokens: of each row, in the chunk.
            before: tokens of each row that are in the cache already, put there in chunks of `PREFILL_STEP`.
            batch: rows.

        Raises:
            Exception: whatever the model's class raises, and ValueError where it wants to evaluate something or MLX
                has no name for what it does.
        """
        if tokens == 0:
            return Chunk(0, 0)
        if (tokens, before, batch) not in self._known:
            self._known[tokens, before, batch] = self._looked_at(tokens, before, batch)
        return self._known[tokens, before, batch]

    def _whole(self, number: int, batch: int) -> Chunk:
        """Return what the chunk of that number takes, counted from 1."""
        low = number if number <= _NEAR else 1 << (number.bit_length() - 1)
        below = self.chunk(PREFILL_STEP, (low - 1) * PREFILL_STEP, batch)
        if low == number:
            return below
        return below.towards(self.chunk(PREFILL_STEP, (2 * low - 1) * PREFILL_STEP, batch), (number - low) / low)

    def _looked_at(self, tokens: int, before: int, batch: int) -> Chunk:
        with mx.stream(mx.cpu):
            cache = make_prompt_cache(self._model)
            if before:
                if batch not in self._filling:
                    self._filling[batch] = Filling(self._model, batch)
                filled = self._filling[batch].after(chunks(before))
                for leaf, source in zip(leaves(cache), leaves(filled), strict=True):
                    vars(leaf).update(vars(source))
            operations, given, wanted = self._operations(cache, tokens, batch)
        found = in_order(steps(fuse(operations, self._fused, wanted), {}), wanted)
        peak, left = held_bytes(found, {array.name: array.size_bytes for array in given}, wanted)
        return Chunk(peak - left, left * len(cache) // min(len(cache), _LAYERS))

    def _operations(self, cache: list[Any], tokens: int, batch: int) -> tuple[list[Operation], list[Array], list[str]]:
        """Return a chunk's operations, the arrays of its cache before, and names of what is evaluated."""
        held = [array for leaf in leaves(cache) for array in arrays(vars(leaf))]
        looked_at = sum(len(arrays(vars(leaf))) for leaf in leaves(cache[:_LAYERS]))
        names, weights = zip(*tree_flatten(self._model.parameters()), strict=True)
        told: list[dict[str, Any]] = []

        def run(prompt: mx.array, *given: mx.array) -> list[mx.array]:
            put = iter(given[: len(held)])
            for leaf in leaves(cache):
                for name, value in vars(leaf).items():
                    setattr(leaf, name, tree_map(lambda one: next(put) if isinstance(one, mx.array) else one, value))
            self._model.update(tree_unflatten(list(zip(names, given[len(held) :], strict=True))))
            self._model(prompt[:, :tokens], cache=cache)  # a chunk is cut out of the prompt
            return arrays([layer.state for layer in cache[:_LAYERS]])

        prompt = mx.zeros((batch, tokens + 1), mx.int32)
        try:
            # What it is called with is traced: evaluating anything that depends on it raises.
            mx.export_function(told.append, run, prompt, *map(self._as_seen, (*held, *weights)))
        finally:
            self._model.update(tree_unflatten(list(zip(names, weights, strict=True))))
        by_kind = {entry["type"]: entry for entry in told}
        given = [_array(one) for one in by_kind["inputs"]["inputs"][1 : 1 + looked_at]]
        return list(_operations(told)), given, [name for name, *_ in by_kind["outputs"]["outputs"]]

    def _as_seen(self, array: mx.array) -> mx.array:
        return array.astype(mx.float32) if self._is_plain and _is_floating(array) else array

    @cached_property
    def _fused(self) -> list[tuple[str, ...]]:
        """What `mx.compile` makes one operation of in this model, by the names of its parts, the last one last.

        A graph that is exported shows the parts; one that is drawn shows what becomes of them.
        """
        with mx.stream(mx.cpu), tempfile.TemporaryDirectory() as folder:
            cache = make_prompt_cache(self._model)
            self._model(mx.zeros((1, _FEW_TOKENS), mx.int32), cache=cache)
            path = Path(folder) / "graph.dot"
            mx.export_to_dot(str(path), *arrays([layer.state for layer in cache[:_LAYERS]]))
            labels = re.findall(rf'label ="{FUSED}(\w+)', path.read_text())
        parts = re.compile("|".join(sorted(FUSABLE, key=len, reverse=True)))
        return [tuple(parts.findall(label)) for label in dict.fromkeys(labels)]


def _is_floating(array: mx.array) -> bool:
    return bool(mx.issubdtype(array.dtype, mx.floating))


def _array(told: tuple[str, tuple[int, ...], mx.Dtype]) -> Array:
    name, shape, dtype = told
    return Array(name, tuple(shape), dtype.size)


def _operations(told: Sequence[dict[str, Any]]) -> Iterator[Operation]:
    for entry in told:
        if entry["type"] == "primitive":
            inputs, outputs = (tuple(map(_array, entry[side])) for side in ("inputs", "outputs"))
            yield Operation(entry["name"], inputs, outputs, entry["arguments"])
