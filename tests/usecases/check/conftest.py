"""The clean checkpoint, made once."""

import pytest

from tests.usecases.check.world import make, world


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    return make(tmp_path_factory.mktemp("clean") / "tiny-4bit")


@pytest.fixture
def here(clean, tmp_path):
    return world(clean, tmp_path)
