"""What Metal keeps wired, with an MLX that says it has Metal."""

from types import SimpleNamespace

import mlx.core as mx
import pytest
from mlx import nn

from mlxkit.core.fitting import gpu_workspace_bytes
from mlxkit.engines import models, store
from mlxkit.engines.models.streaming import size_bytes
from mlxkit.engines.models.wiring import wired


class FakeMlx:
    """Limits that are only written down."""

    def __init__(self, working_set: int, *, has_metal: bool = True) -> None:
        self.metal = SimpleNamespace(is_available=lambda: has_metal)
        self.working_set = working_set
        self.limits = {"wired": 7, "cache": 9}
        self.synchronized = 0

    def device_info(self):
        return {"max_recommended_working_set_size": self.working_set}

    def set_wired_limit(self, limit):
        return self._set("wired", limit)

    def set_cache_limit(self, limit):
        return self._set("cache", limit)

    def default_device(self):
        return "gpu"

    def default_stream(self, device):
        return device

    def synchronize(self, _stream):
        assert self.limits != {"wired": 7, "cache": 9}
        self.synchronized += 1

    def _set(self, name, limit):
        before, self.limits[name] = self.limits[name], limit
        return before


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return models.open_model(store.read("tiny", store.locate("tiny"))).model


def test_what_is_needed_is_wired_and_no_more(model):
    mlx = FakeMlx(10**12)
    cached = models.trace(store.read("tiny", store.locate("tiny"))).cache_bytes(100, 3).allocated
    with wired(model, 100, 3, mlx=mlx):
        assert mlx.limits["wired"] == size_bytes(model) + cached + gpu_workspace_bytes(100, 3)
        assert mlx.limits["cache"] == gpu_workspace_bytes(100, 3)
    assert mlx.limits == {"wired": 7, "cache": 9}
    assert mlx.synchronized == 2


def test_never_more_than_metal_recommends(model):
    mlx = FakeMlx(1000)
    with wired(model, 100, mlx=mlx):
        assert mlx.limits["wired"] == 1000


def test_a_failure_restores_the_limits(model):
    mlx = FakeMlx(10**12)
    with pytest.raises(KeyboardInterrupt), wired(model, 100, mlx=mlx):
        raise KeyboardInterrupt
    assert mlx.limits == {"wired": 7, "cache": 9}


def test_without_metal_nothing_is_touched(model):
    mlx = FakeMlx(10**12, has_metal=False)
    with wired(model, 100, mlx=mlx):
        assert mlx.limits == {"wired": 7, "cache": 9}


def test_a_class_that_cannot_be_traced_is_wired_without_its_cache():
    class Untraceable(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = mx.zeros((4, 4))

    mlx = FakeMlx(10**12)
    with wired(Untraceable(), 100, mlx=mlx):
        assert mlx.limits["wired"] == 64 + gpu_workspace_bytes(100, 1)
