"""A small release: built once for all tests that only look, and copied for those that change it."""

import os
import shutil

import pytest

from tests.fakes.checkpoints import write_checkpoint
from tests.fakes.releases import Release, write_recipe


@pytest.fixture(scope="session")
def _built(tmp_path_factory):
    """It is built with a cache and a ledger of its own, which every test gets a copy of."""
    folder = tmp_path_factory.mktemp("release")
    write_checkpoint(folder / "source")
    write_recipe(folder)
    kept = {name: os.environ.get(name) for name in ("MLXKIT_CACHE", "MLXKIT_LEDGER")}
    os.environ.update(MLXKIT_CACHE=str(folder / "cache"), MLXKIT_LEDGER=str(folder / "ledger.sqlite3"))
    release = Release(folder)
    result = release.run()
    os.environ.update({name: value for name, value in kept.items() if value is not None})
    return release, result


@pytest.fixture
def first(_built):
    """What the first build came to."""
    return _built


@pytest.fixture
def release(_built, tmp_path, monkeypatch):
    """A copy of what was built, times of files and all."""
    folder = tmp_path / "release"
    shutil.copytree(_built[0].folder, folder)
    monkeypatch.setenv("MLXKIT_CACHE", str(folder / "cache"))
    monkeypatch.setenv("MLXKIT_LEDGER", str(folder / "ledger.sqlite3"))
    return Release(folder)
