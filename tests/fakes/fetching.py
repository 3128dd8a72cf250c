"""Small repos for a test Hub, and the shortest way to fetch one."""

import hashlib
from pathlib import Path
from typing import Any

from mlxkit.core.fetching import FetchPlan, choose
from mlxkit.engines.hub import Hub, api, cache, download
from tests.hub import Generated

NAME = "owner/name"
SMALL = {"config.json": b'{"model_type": "x"}', "tokenizer.json": b"{}", "README.md": b"# A card\n"}


def repo(size: int = 3_000_000) -> dict[str, Any]:
    """Return a checkpoint with one shard of that many bytes, and a twin that nobody wants."""
    return {**SMALL, "pytorch_model.bin": b"\1" * 100, "model.safetensors": Generated(size)}


def plan_of(hub: Hub, name: str = NAME, revision: str | None = None) -> FetchPlan:
    """Return the plan that the use-case would make."""
    repository = api.resolve(hub, name, revision, sleep=no_sleep)
    return cache.plan(hub, repository, choose(repository.files, api.weight_map(hub, repository, sleep=no_sleep)))


def fetch(hub: Hub, name: str = NAME, revision: str | None = None, **words: Any) -> download.Fetched:
    """Fetch a repo without any waiting between tries."""
    return download.fetch(hub, plan_of(hub, name, revision), asked=name, **{"sleep": no_sleep, **words})


def no_sleep(_seconds: float) -> None:
    """Wait for nothing."""


def sha256(path: Path) -> str:
    """Return a file's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
