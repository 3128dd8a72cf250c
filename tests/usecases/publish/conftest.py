"""A folder to publish, someone who is signed in, and a Hub that takes it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session, constants

from mlxkit.engines.hub import Hub
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.publish import PublishPlan, PublishResult, publish
from tests.hub import TestHub, serve

CARD = b"---\nlicense: mit\nlibrary_name: mlx\n---\n# A model\n"
REPO = "alice/model"


@pytest.fixture
def server() -> Iterator[TestHub]:
    """A Hub that listens, without Xet."""
    with serve() as listening:
        yield listening


@pytest.fixture
def hub(server: TestHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """How that Hub is set up here: alice is signed in, and the library has no Xet."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # the library reads it once, and the tests are offline
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    yield Hub(cache=tmp_path / "cache", endpoint=server.endpoint, has_token=True, is_offline=False)
    close_session()


@pytest.fixture
def folder(source: Path, tmp_path: Path) -> Path:
    """Weights that mlxkit made, in a few shards."""
    made = tmp_path / "made"
    convert(ConvertPlan(str(source), made, shard_bytes=100_000))
    return made


Publish = Callable[..., PublishResult]


@pytest.fixture
def send(hub: Hub, folder: Path) -> Publish:
    """Publish the folder; nothing is wrong with it, and yes is the answer."""

    def publishing(repo: str = REPO, *, wishes: dict[str, Any] | None = None, **engines: Any) -> PublishResult:
        plan = PublishPlan(engines.pop("folder", folder), repo, **(wishes or {}))
        given: dict[str, Any] = {
            "check": lambda _folder: (),
            "dress": lambda _folder, _repo: {"README.md": CARD},
            "confirm": lambda _question: True,
            "hub": hub,
            "sleep": lambda _seconds: None,
        }
        return publish(plan, **{**given, **engines})

    return publishing
