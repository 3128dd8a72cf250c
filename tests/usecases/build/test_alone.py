"""One build at a time in one folder."""

import time

import pytest

from mlxkit.core.errors import MlxkitError, PlanError
from mlxkit.engines import store
from mlxkit.usecases.build.forecasting import forecast
from mlxkit.usecases.build.verifying import verified
from tests.usecases.build.test_killed import anew, kill, start

TAKEN = PlanError("taken")


def test_a_second_build_is_refused_and_one_that_only_looks_is_not(release):
    before = (release.home / "lock.json").read_bytes()

    with store.alone(release.home, TAKEN):
        with pytest.raises(PlanError, match="Another build is at work") as caught:
            release.run()
        assert forecast(release.plan()).to_write_bytes == 0
        plan = release.plan(variants=("small-4bit",))
        assert verified(plan, release.home / "lock.json", engage=release.engage).failure is None

    assert str(release.home) in caught.value.message
    assert "wait" in caught.value.hint
    assert (release.home / "lock.json").read_bytes() == before


def test_a_process_that_builds_keeps_others_out_until_it_is_killed(release):
    anew(release)
    process = start(release)
    while process.poll() is None and not (release.home / "lock.json").exists():
        time.sleep(0.001)

    with pytest.raises(PlanError, match="Another build is at work"):
        release.run()

    assert kill(process)
    with store.alone(release.home, TAKEN):
        assert release.calls == []


def test_a_place_that_is_a_file_is_one_sentence(release):
    home = release.home.parent / "other"
    home.write_text("mine")

    with pytest.raises(MlxkitError, match="cannot be written"), store.alone(home, TAKEN):
        pass

    assert home.read_text() == "mine"
