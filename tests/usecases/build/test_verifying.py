"""Weights are made anew and compared with the lock; a plan touches nothing; a new recipe is one that is understood."""

import json
from dataclasses import replace

import pytest

from mlxkit.core.errors import DoesNotFitError, GateError, NotFoundError, PlanError
from mlxkit.engines import machine, store
from mlxkit.usecases.build.book import Book
from mlxkit.usecases.build.forecasting import forecast
from mlxkit.usecases.build.opening import Surroundings
from mlxkit.usecases.build.starting import start
from mlxkit.usecases.build.verifying import verified
from tests.fakes.releases import write_recipe

ONE = ("small-4bit",)


def verify(release, **others):
    return verified(release.plan(variants=ONE), release.home / "lock.json", engage=release.engage, **others)


def test_made_anew_it_is_identical(release):
    result = verify(release)

    assert result.failure is None
    assert [one.said for one in result.verified] == ["identical"]
    assert [step for step, _ in release.calls] == ["make"]


def flip(release, variant="small-4bit"):
    """Change one byte of the last tensor; return its name."""
    folder = release.home / variant
    path = next(folder.glob("*.safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    before = release.lock["variants"][variant]["steps"]["made"]["tensors"]
    from mlxkit.core.progress import Silent

    after = store.tensor_digests(store.read("it", folder), Silent())
    (name,) = (name for name, digest in after.items() if digest != before[name])
    return name


def test_one_byte_that_was_changed_names_its_tensor(release):
    name = flip(release)

    result = verify(release)

    assert isinstance(result.failure, GateError)
    assert name in result.failure.message
    assert result.verified[0].differing == (name,)


def elsewhere(release, tensors):
    """Make the lock one of another platform, where some tensors had other bytes."""
    lock = release.lock
    lock["platform"]["machine"] = "pdp11"
    told = lock["variants"]["small-4bit"]["steps"]["made"]["tensors"]
    told.update(tensors)
    (release.home / "lock.json").write_text(json.dumps(lock))


def test_of_another_platform_numbers_are_compared(release):
    from mlxkit.core.progress import Silent

    flip(release)
    there = store.tensor_digests(store.read("it", release.home / "small-4bit"), Silent())
    elsewhere(release, there)

    result = verify(release)

    (one,) = result.verified
    assert one.differing
    assert one.apart is not None
    assert one.is_same == (one.apart <= 0.01)
    assert "platform" in one.said or not one.is_same


def test_another_source_is_refused(release):
    lock = release.lock
    lock["source"]["digest"] = "0" * 64
    lock["source"]["fingerprint"] = "0" * 64
    (release.home / "lock.json").write_text(json.dumps(lock))

    with pytest.raises(PlanError, match="other weights"):
        verify(release)


def test_no_lock_is_one_sentence(release):
    with pytest.raises(NotFoundError, match="cannot be read"):
        verified(release.plan(), release.folder / "none.json", engage=release.engage)


def listing(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_plan_touches_nothing_and_tells_what_is_done(release):
    write_recipe(release.folder, '\n[gates]\nmust_fit = ["iphone-13-pro@64"]\n')
    before = listing(release.folder)

    result = forecast(release.plan())

    assert listing(release.folder) == before
    assert result.to_write_bytes == 0
    assert [one.done for one in result.foreseen] == [("made", "evaluated", "timed", "checked")] * 3
    assert all("fits" in one.verdicts[0] for one in result.foreseen)


def test_a_plan_predicts_sizes_before_anything_is_there(release):
    sizes = {name: entry["steps"]["made"]["size_bytes"] for name, entry in release.lock["variants"].items()}
    plan = replace(release.plan(), root=release.folder / "elsewhere")

    result = forecast(plan)

    found = {one.variant.name: one.size_bytes for one in result.foreseen}
    assert found["small-4bit"] == sizes["small-4bit"]
    assert 0 < sizes["small-5bpw"] <= found["small-5bpw"]
    assert result.to_write_bytes == sum(found.values())
    assert not plan.root.exists()


def test_a_plan_without_room_is_status_4(release):
    plan = replace(release.plan(), root=release.folder / "elsewhere")

    result = forecast(plan, free_bytes=lambda _folder: 1000)

    assert isinstance(result.failure, DoesNotFitError)
    assert result.failure.exit_status == 4


def test_what_was_made_on_another_platform_is_made_again(release):
    from mlxkit.core.progress import Silent
    from mlxkit.usecases.build.making import missing
    from mlxkit.usecases.build.opening import HERE, opened

    other = replace(machine.read(), device="gpu")
    work = opened(
        release.plan(),
        ways=HERE,
        book=Book(release.home, "small"),
        dress=lambda *_given: {},
        engage=release.engage,
        progress=Silent(),
        around=Surroundings(read_machine=lambda: other),
    )

    assert set(missing(work, work.recipe.variants).values()) == {None}


def test_a_new_recipe_is_understood_and_never_replaced(tmp_path):
    result = start("owner/Some-Model", tmp_path)

    assert result.path == tmp_path / "Some-Model.toml"
    assert store.read_recipe(result.path).source.repo == "owner/Some-Model"
    with pytest.raises(PlanError):
        start("owner/Some-Model", tmp_path)
