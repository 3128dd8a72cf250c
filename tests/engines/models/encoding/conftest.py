"""All here is computed on the CPU: what is compared exactly has its sums in another order elsewhere."""

import mlx.core as mx
import pytest


@pytest.fixture(autouse=True)
def _on_the_cpu():
    device = mx.default_device()
    mx.set_default_device(mx.cpu)
    yield
    mx.set_default_device(device)
