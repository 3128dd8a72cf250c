"""What every test stands on: no network, an empty home, a cache and a ledger of its own, and a small checkpoint."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_TOKEN_PATH"] = os.devnull
os.environ.pop("HF_TOKEN", None)

# A busy machine is no failure.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What quantizing keeps is kept for one worker of one test run, never among the user's."""
    os.environ["MLXKIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def _ledger(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is measured is recorded for one worker of one test run, never in the user's ledger."""
    os.environ["MLXKIT_LEDGER"] = str(tmp_path_factory.mktemp("ledger") / "ledger.sqlite3")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A float32 Qwen3 checkpoint in three shards."""
    from tests.fakes.checkpoints import write_checkpoint

    return write_checkpoint(tmp_path / "source", shards=3)
