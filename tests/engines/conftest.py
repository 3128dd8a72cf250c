"""A Hub that answers, a cache that is empty, and the network allowed to reach the one from the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from mlxkit.engines.hub import Hub
from tests.hub import TestHub, serve


@pytest.fixture
def server() -> Iterator[TestHub]:
    """A test Hub that listens."""
    with serve() as listening:
        yield listening


@pytest.fixture
def hub(server: TestHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """How that Hub is set up here: an empty cache, nobody signed in."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # the library reads it once, and the tests are offline
    yield Hub(cache=tmp_path / "cache", endpoint=server.endpoint, has_token=False, is_offline=False)
    close_session()
