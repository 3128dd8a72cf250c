"""What a plan calls done is what a build would not do again."""

import json
import shutil
from dataclasses import replace

import pytest

from mlxkit.core.located import Located
from mlxkit.engines import machine
from mlxkit.usecases.build import Ways, build
from mlxkit.usecases.build.forecasting import forecast
from mlxkit.usecases.build.opening import Surroundings
from tests.fakes.releases import HEAD, NAMES, TAIL, VARIANTS, card, write_recipe

ALL = ("made", "evaluated", "timed", "checked")
COMMIT = "a" * 40


def listing(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def foreseen(release, **others):
    """What each variant has behind it; nothing is written for that."""
    before = listing(release.folder)
    found = {one.variant.name: one for one in forecast(release.plan(), **others).foreseen}
    assert listing(release.folder) == before
    return found


def done(release, **others):
    return {name: one.done for name, one in foreseen(release, **others).items()}


def asked(release, old, new):
    """Change the recipe."""
    recipe = release.folder / "small.toml"
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new, 1))


def flip(folder):
    """Change one bit of weights."""
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_another_encoder_makes_one_again_and_the_cards_of_all(release):
    asked(release, 'scheme = "4bit"', 'scheme = "4bit"\nencoder = "minmax"')

    found = foreseen(release)

    assert [one.is_there for one in found.values()] == [True, True, False]
    assert [one.done for one in found.values()] == [ALL[:3], ALL[:3], ()]


def test_another_calibration_makes_again_what_needs_it(release):
    with (release.folder / "calibration.jsonl").open("a") as file:
        file.write("\n" + json.dumps({"text": "One more document."}))

    found = foreseen(release)

    assert [one.is_there for one in found.values()] == [False, False, True]


def test_other_texts_and_workloads_are_measured_again(release):
    asked(release, "limit = 2", "limit = 3")
    assert done(release) == dict.fromkeys(NAMES, ("made", "timed"))
    asked(release, "repeats = 1", "repeats = 2")
    assert done(release) == dict.fromkeys(NAMES, ("made",))


def test_what_nobody_asks_for_is_not_missed(release):
    recipe = release.folder / "small.toml"
    recipe.write_text(HEAD + VARIANTS + TAIL.partition("[bench]")[0])

    assert done(release) == dict.fromkeys(NAMES, ("made", "evaluated", "checked"))


def test_another_source_makes_all_again(release):
    flip(release.folder / "source")

    assert done(release) == dict.fromkeys(NAMES, ())


def test_touched_files_are_the_same_still(release):
    for folder in ("source", "build/small/small-4bit"):
        (release.folder / folder / "model.safetensors").touch()

    assert done(release) == dict.fromkeys(NAMES, ALL)


def test_on_another_platform_all_is_made_again(release):
    other = Surroundings(read_machine=lambda: replace(machine.read(), device="gpu"))

    assert done(release, around=other) == dict.fromkeys(NAMES, ())


def test_what_was_changed_by_hand_is_not_there(release):
    flip(release.home / "small-4bit")

    found = foreseen(release)

    assert [one.is_there for one in found.values()] == [True, True, False]


@pytest.mark.parametrize(("commit", "is_there"), [(COMMIT, True), ("b" * 40, False)])
def test_of_a_repo_that_is_only_looked_at_the_commit_tells(release, commit, is_there):
    write_recipe(release.folder, head=HEAD.replace("./source", "owner/name"))
    ways = Ways(lambda _name: Located(release.folder / "source", "owner/name", COMMIT))
    build(release.plan(), engage=release.engage, dress=card, ways=ways)

    def look(_name):
        return Located(release.folder / "source", "owner/name", commit, has_weights=False)

    assert {one.is_there for one in foreseen(release, locate=look).values()} == {is_there}


def test_time_is_told_by_what_such_work_took(release):
    told = forecast(release.plan())
    assert (told.seconds, told.unpaced) == (0, ())
    assert "nothing is left to do" in {fact.label: fact.value for fact in told.report().facts}["Time"]

    asked(release, "limit = 2", "limit = 3")
    shorter = forecast(release.plan())
    shutil.rmtree(release.folder / "build")
    longer = forecast(release.plan())
    assert 0 < shorter.seconds < longer.seconds
    assert (shorter.unpaced, longer.unpaced) == ((), ())
    assert longer.data()["seconds"] == longer.seconds


def test_time_is_not_told_by_what_nobody_has_done(release):
    asked(release, 'scheme = "4bit"', 'scheme = "4bit"\nencoder = "minmax"')
    assert forecast(release.plan()).unpaced == ("quantization (minmax)",)

    shutil.rmtree(release.folder / "cache" / "efforts")
    told = forecast(release.plan())
    assert told.seconds is None
    assert "not known" in {fact.label: fact.value for fact in told.report().facts}["Time"]
    assert not (release.folder / "cache" / "efforts").exists()
