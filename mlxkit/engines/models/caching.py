"""What a model's cache takes: keys and values, or states, told from shapes; nothing is computed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models.cache import ArraysCache, KVCache, RotatingKVCache, make_prompt_cache

from mlxkit.core.fitting import PREFILL_STEP


@dataclass(frozen=True, slots=True)
class CacheBytes:
    """What a cache takes.

    Attributes:
        content: bytes of what its tokens put into it.
        allocated: bytes of its arrays, what is set aside for more tokens included.
    """

    content: int
    allocated: int


def cache_bytes(model: nn.Module, tokens: int, batch: int, *, prefill_step: int = PREFILL_STEP) -> CacheBytes:
    """Return what a cache takes after a prompt, prefilled as mlx-lm does it: in chunks, and its last token alone.

    Args:
        model: whose weights are lazy, in the dtype it computes in.
        tokens: of each row, at least 1.
        batch: rows.
        prefill_step: tokens of a row that are prefilled at once.

    Raises:
        Exception: whatever the model's class raises, and ValueError where it wants to evaluate something.
    """
    return measured(Filling(model, batch).after([*chunks(tokens - 1, prefill_step), 1]))


def chunks(tokens: int, step: int = PREFILL_STEP) -> list[int]:
    """Return how many of some tokens come at once.

    >>> chunks(5000)
    [2048, 2048, 904]
    """
    return [min(step, tokens - start) for start in range(0, tokens, step)]


class Filling:
    """Caches of a model that are filled with nothing evaluated.

    The model is called with a few tokens, lazily. Where its caches turn out to be of the usual classes and to get what
    such classes get, they are filled with zeros in chunks: some classes build a graph node for each token, which would
    cost seconds. Any other model is called chunk by chunk.

    Args:
        model: whose weights are lazy, in the dtype it computes in.
        batch: rows.

    Raises:
        Exception: whatever the model's class raises, and ValueError where it wants to evaluate something.
    """

    def __init__(self, model: nn.Module, batch: int) -> None:
        self._model, self._batch = model, batch
        one, three = (self._called([count]) for count in (1, 3))
        self._is_usual = all(starmap(_is_usual, zip(leaves(one), leaves(three), strict=True)))
        self._one = list(leaves(one))

    def after(self, counts: Sequence[int]) -> list[Any]:
        """Return a cache for each layer, or each part of one, after tokens that come so many at once.

        Layers of one kind share one cache.

        Args:
            counts: of the tokens of each row.

        Raises:
            Exception: as the class.
        """
        if self._is_usual:
            return _replayed(list(leaves(make_prompt_cache(self._model))), self._one, counts)
        return self._called(counts)

    def _called(self, counts: Sequence[int]) -> list[Any]:
        found: list[list[Any]] = []

        def run(token: mx.array) -> mx.array:
            found.append(_called(self._model, token, self._batch, counts))
            return token

        # While MLX traces a function, evaluating what depends on its argument raises: no weight can be read.
        mx.compile(run)(mx.zeros((1, 1), mx.int32))
        return found[0]


def measured(cache: Sequence[Any]) -> CacheBytes:
    """Return what a cache takes now.

    Args:
        cache: one of mlx-lm's caches for each layer.
    """
    content = allocated = 0
    for leaf in leaves(cache):
        size_bytes = sum(array.nbytes for array in arrays(leaf.state))
        allocated += size_bytes
        content += _content(leaf, size_bytes)
    return CacheBytes(content, allocated)


def _content(leaf: Any, size_bytes: int) -> int:
    keys = getattr(leaf, "keys", None)
    keys = keys[0] if isinstance(keys, tuple | list) else keys  # those of a quantized cache come with their scales
    if not isinstance(keys, mx.array):
        return size_bytes
    held = int(leaf.size()) or leaf.offset - getattr(leaf, "start_position", 0)  # not every class has a size
    room = int(keys.shape[2])
    return size_bytes * min(held, room) // room


def leaves(cache: Sequence[Any]) -> Iterator[Any]:
    """Yield the caches that hold something, those of layers with several one by one."""
    for layer in cache:
        if hasattr(layer, "caches"):
            yield from leaves(layer.caches)
        else:
            yield layer


def arrays(tree: Any) -> list[mx.array]:
    """Return the arrays in a tree of lists and dictionaries."""
    return [array for _, array in tree_flatten(tree) if isinstance(array, mx.array)]


def _called(model: nn.Module, token: mx.array, batch: int, chunks: Sequence[int]) -> list[Any]:
    cache: list[Any] = make_prompt_cache(model)
    for count in chunks:
        model(mx.broadcast_to(token, (batch, count)), cache=cache)
        for leaf in leaves(cache):
            _forget(leaf)
    return cache


def _forget(leaf: Any) -> None:
    """Put zeros of the same shapes in the place of a cache's arrays, which would keep the graph behind them."""

    def fresh(value: Any) -> Any:
        return mx.zeros(value.shape, value.dtype) if isinstance(value, mx.array) else value

    for name, value in vars(leaf).items():
        setattr(leaf, name, tree_map(fresh, value))


def _is_usual(one: Any, three: Any) -> bool:
    """Whether a cache holds a state of one size, or one key and one value for each token."""
    if type(one) is ArraysCache:
        return _forms(one.state) == _forms(three.state)
    if type(one) not in (KVCache, RotatingKVCache):
        return False
    if one.keys is None or three.keys is None:
        return one.keys is three.keys
    kept = [[_without_time(array) for array in (leaf.keys, leaf.values)] for leaf in (one, three)]
    return (one.offset, three.offset) == (1, 3) and kept[0] == kept[1]


def _forms(tree: Any) -> list[tuple[Any, ...]]:
    return [(array.shape, array.dtype) for array in arrays(tree)]


def _without_time(array: mx.array) -> tuple[Any, ...]:
    return (*array.shape[:2], *array.shape[3:], array.dtype)


def _replayed(fresh: Sequence[Any], seen: Sequence[Any], chunks: Sequence[int]) -> list[Any]:
    """Return caches that were filled by chunks, each layer of a kind once.

    Args:
        fresh: empty caches of all layers.
        seen: the same after one token.
        chunks: how many tokens come at once.
    """
    filled: dict[tuple[Any, ...], Any] = {}
    cache = []
    for empty, leaf in zip(fresh, seen, strict=True):
        if getattr(leaf, "keys", None) is None:
            cache.append(leaf)
            continue
        kind = (type(leaf), *vars(empty).values(), _without_time(leaf.keys), _without_time(leaf.values))
        if kind not in filled:
            filled[kind] = _filled(empty, leaf, chunks)
        cache.append(filled[kind])
    return cache


def _filled(empty: Any, seen: Any, chunks: Sequence[int]) -> Any:
    for count in chunks:
        empty.update_and_fetch(*(_zeros(array, count) for array in (seen.keys, seen.values)))
        _forget(empty)
    return empty


def _zeros(like: mx.array, tokens: int) -> mx.array:
    return mx.zeros((*like.shape[:2], tokens, *like.shape[3:]), like.dtype)
