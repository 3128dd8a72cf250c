"""A folder to publish, someone who is signed in, and a Hub that takes it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from mlxkit.engines.hub import Hub
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.publish import PublishPlan, PublishResult, publish

CARD = b"---\nlicense: mit\nlibrary_name: mlx\n---\n# A model\n"
REPO = "alice/model"


@pytest.fixture
def hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """How the test Hub is set up here: alice is signed in, and the library has no Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    return replace(hub, has_token=True)


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
