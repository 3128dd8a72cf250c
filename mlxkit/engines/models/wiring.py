"""What Metal keeps wired while a model computes, and what MLX keeps of freed memory: as much as it needs, no more.

mlx-lm wires up to the whole working set that Metal recommends, which starves other programs: with it a pass that is too
large takes the machine down instead of failing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.generate import generation_stream

from mlxkit.core.fitting import Need, gpu_workspace_bytes
from mlxkit.engines.models.caching import cache_bytes
from mlxkit.engines.models.streaming import size_bytes


@contextmanager
def wired(model: nn.Module, tokens: int, batch: int = 1, *, mlx: Any = mx) -> Iterator[None]:
    """Wire a model's weights, cache and workspace; both limits are as before afterwards.

    Without Metal nothing is done: only its memory is wired.

    Args:
        model: with its weights in memory.
        tokens: of each row at the end.
        batch: rows side by side.
        mlx: `mlx.core`.
    """
    if not mlx.metal.is_available():
        yield
        return
    need = Need(size_bytes(model), _cache_bytes(model, tokens, batch), gpu_workspace_bytes(tokens, batch))
    most = int(mlx.device_info()["max_recommended_working_set_size"])
    wired_before = mlx.set_wired_limit(min(need.total_bytes, most))
    cache_before = mlx.set_cache_limit(need.workspace_bytes)
    try:
        yield
    finally:
        for stream in (mlx.default_stream(mlx.default_device()), generation_stream):
            mlx.synchronize(stream)  # what is still being computed may be in wired memory
        mlx.set_cache_limit(cache_before)
        mlx.set_wired_limit(wired_before)


def _cache_bytes(model: nn.Module, tokens: int, batch: int) -> int:
    """Return what the cache will take; nothing where the model's class cannot be traced, and it is then not wired."""
    try:
        return cache_bytes(model, max(1, tokens), batch).allocated
    except Exception:  # noqa: BLE001  whatever the class raises: it is a limit only
        return 0
