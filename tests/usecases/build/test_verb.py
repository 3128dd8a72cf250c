"""A release is built step by step, and a rerun does what is missing."""

import json
import shutil
from dataclasses import replace

import pytest

from mlxkit.core.errors import DoesNotFitError, GateError, IntegrityError, NotFoundError, PlanError
from mlxkit.core.located import Located
from mlxkit.engines import ledger, store
from mlxkit.usecases.build import BuildPlan, Ways, build
from tests.fakes.releases import HEAD, NAMES, VARIANTS, card, write_recipe


def test_budgets_share_a_run_and_all_are_timed_in_turn(first):
    release, result = first

    made = [who for step, who in release.calls if step == "make"]
    assert made == [("small-5bpw", "small-7bpw"), ("small-4bit",)]
    assert [who for step, who in release.calls if step == "time"] == [NAMES]
    assert [who for step, who in release.calls if step == "judge"] == list(NAMES)
    assert result.failure is None


def test_what_is_staged_is_complete(first):
    release, result = first

    for one in result.built:
        folder = release.home / one.variant.name
        assert one.folder == folder
        assert store.read("it", folder).sound().record["digest"] == one.found("made")["digest"]
        assert (folder / "README.md").read_bytes() == card(folder, f"your-name/{folder.name}")["README.md"]
    assert {path.name for path in release.home.iterdir()} == {*NAMES, "lock.json", ".lock"}


def test_figures_are_those_of_the_ledger(release):
    result = release.run()

    rows = {row.id: row for row in ledger.find()}
    for one in result.built:
        judged = [rows[identifier] for identifier in one.found("judged")["ids"]]
        assert [row.kind for row in judged] == ["quality", "task"]
        assert one.found("judged")["kl_nats"] == judged[0].summary["kl_nats"]
        assert judged[1].summary["asked"] == 2
        assert {row.subject.digest for row in judged} == {one.found("made")["digest"]}


def test_the_lock_holds_no_place_of_this_machine(first):
    release, _ = first

    assert str(release.folder) not in (release.home / "lock.json").read_text()


def test_a_second_run_does_nothing(release):
    before = {path: path.lstat() for path in release.home.rglob("*") if path.name != ".lock"}

    result = release.run()

    assert release.calls == []
    assert [one.did for one in result.built] == [()] * 3
    assert result.notes == ("Nothing was left to do.",)
    after = {path: path.lstat() for path in release.home.rglob("*") if path.name != ".lock"}
    assert {path: (facts.st_ino, facts.st_mtime_ns) for path, facts in after.items()} == {
        path: (facts.st_ino, facts.st_mtime_ns) for path, facts in before.items()
    }
    assert "is there" in str(result.report())


def test_one_folder_that_is_gone_is_made_again_and_nothing_is_measured_again(release):
    before = release.digests
    shutil.rmtree(release.home / "small-7bpw")

    release.run()

    assert release.calls == [("make", ("small-7bpw",))]
    assert release.digests == before
    assert release.run().built[1].folder == release.home / "small-7bpw"
    assert release.calls == []


def test_without_its_lock_what_was_measured_is_found_in_the_ledger(release):
    before = release.digests
    (release.home / "lock.json").unlink()

    release.run()

    assert {step for step, _ in release.calls} == {"make", "look"}
    assert release.digests == before


def test_changed_weights_are_made_again(release):
    folder = release.home / "small-4bit"
    weights = next(folder.glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    before = release.digests

    release.run()

    assert ("make", ("small-4bit",)) in release.calls
    assert release.digests == before
    assert store.read("it", folder).sound()


def test_touched_files_are_read_and_found_to_be_the_same(release):
    next((release.home / "small-4bit").glob("*.safetensors")).touch()

    release.run()

    assert release.calls == []


def test_a_changed_gate_measures_nothing_and_fails_the_right_ones(release):
    kl = {one.variant.name: one.found("judged")["kl_nats"] for one in release.run().built}
    ordered = sorted(kl.values())
    write_recipe(release.folder, f"\n[gates]\nmax_kl_nats = {(ordered[0] + ordered[1]) / 2}\n")

    result = release.run()

    assert release.calls == []
    best = min(kl, key=lambda name: kl[name])
    missed = {one.variant.name for one in result.built if one.missed}
    assert missed == set(kl) - {best}
    assert isinstance(result.failure, GateError)
    assert result.failure.exit_status == 5
    assert {path.name for path in (release.home / ".held").iterdir()} == missed
    assert not any((release.home / name).exists() for name in missed)
    assert {name for name, entry in release.lock["variants"].items() if entry["is_publishable"]} == {best}
    assert "max_kl_nats: " in str(result.report())
    write_recipe(release.folder)
    assert release.run().failure is None
    assert release.calls == []
    assert {path.name for path in release.home.iterdir()} == {*NAMES, "lock.json", ".lock"}


def test_a_device_that_must_fit_is_told_from_headers(release):
    write_recipe(release.folder, '\n[gates]\nmust_fit = ["iphone-13-pro@64"]\n')

    result = release.run()

    assert release.calls == []
    assert result.failure is None
    assert [one.outcomes[0].name for one in result.built] == ["must_fit iphone-13-pro@64"] * 3


def test_one_variant_alone(release):
    shutil.rmtree(release.home)

    result = release.run(variants=("small-4bit",))

    assert [one.variant.name for one in result.built] == ["small-4bit"]
    assert list(release.digests) == ["small-4bit"]


def test_an_unknown_variant_lists_near_ones(release):
    with pytest.raises(NotFoundError, match="no variant 'small-4bits'") as caught:
        release.run(variants=("small-4bits",))

    assert "did you mean 'small-4bit'" in caught.value.hint


def test_an_unknown_recipe_lists_near_ones():
    with pytest.raises(NotFoundError) as caught:
        _ = BuildPlan("tinny").path

    assert "'tiny'" in caught.value.hint


def test_another_license_is_refused_before_anything_is_made(release):
    shutil.rmtree(release.home)
    write_recipe(release.folder, head=HEAD.replace("mit", "apache-2.0"))

    with pytest.raises(GateError, match="is mit, and the recipe expects apache"):
        release.run()

    assert not release.home.exists()


def test_a_repo_is_pinned_to_the_commit_that_was_found(release):
    asked, commit = [], "a" * 40
    folder = release.folder / "source"
    write_recipe(release.folder, head=HEAD.replace("./source", "owner/name"))

    def locate(name):
        asked.append(name)
        return Located(folder, "owner/name", commit)

    for _ in range(2):
        build(release.plan(variants=("small-4bit",)), engage=release.engage, dress=card, ways=Ways(locate))

    assert asked == ["owner/name", f"owner/name@{commit}"]
    assert release.lock["source"]["commit"] == commit


IMPOSSIBLE = VARIANTS + "\n[[variant]]\nbits_per_weight = 1\n"


def test_the_first_error_ends_it(release):
    write_recipe(release.folder, variants=IMPOSSIBLE)

    with pytest.raises(DoesNotFitError):
        release.run()


def test_keep_going_builds_the_others(release):
    write_recipe(release.folder, variants=IMPOSSIBLE)

    result = release.run(keep_going=True)

    assert [one.error is not None for one in result.built] == [False, False, False, True]
    assert result.failure is result.built[3].error
    assert all(one.folder for one in result.built[:3])


def test_a_card_that_a_user_changed_stays(release):
    readme = release.home / "small-4bit" / "README.md"
    readme.write_text("# Mine\n")

    release.run()
    write_recipe(release.folder, head=HEAD.replace('name = "small"', 'name = "small"\n[publish]\nowner = "me"\n'))
    result = release.run()

    assert readme.read_text() == "# Mine\n"
    assert (release.home / "small-5bpw" / "README.md").read_text() == "# me/small-5bpw\n"
    assert any("was changed since it was written" in note for note in result.notes)


def test_what_is_no_variant_is_not_removed(release):
    shutil.rmtree(release.home)
    (release.home / "small-4bit").mkdir(parents=True)
    (release.home / "small-4bit" / "diary.txt").write_text("mine")

    with pytest.raises(PlanError, match="in the way"):
        release.run(variants=("small-4bit",))

    assert (release.home / "small-4bit" / "diary.txt").read_text() == "mine"


def test_errors_of_the_check_hold_a_variant_back(release):
    def engage(work):
        return replace(release.engage(work), look=lambda _folder, _repo: ("files.pickle in x.bin",))

    lock = release.lock
    del lock["variants"]["small-4bit"]["steps"]["checked"]
    (release.home / "lock.json").write_text(json.dumps(lock))

    result = build(release.plan(), engage=engage, dress=card)

    assert [[one.name for one in built.missed] for built in result.built] == [[], [], ["no_check_errors"]]
    assert result.built[2].folder == release.home / ".held" / "small-4bit"
    assert "files.pickle in x.bin" in str(result.report())


def test_a_lock_that_is_none_is_one_sentence(release):
    (release.home / "lock.json").write_text("{")

    with pytest.raises(IntegrityError, match="no lock of a build"):
        release.run()
