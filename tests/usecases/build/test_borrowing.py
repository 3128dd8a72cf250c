"""A source without a tokenizer is built with another model's."""

import json
import shutil

import pytest

from mlxkit.core.errors import CheckpointError, NotFoundError
from mlxkit.core.located import Located
from mlxkit.usecases.build import Ways, build
from mlxkit.usecases.build.forecasting import forecast
from mlxkit.usecases.build.verifying import verified
from tests.fakes.checkpoints import write_checkpoint
from tests.fakes.releases import Release, card

COMMIT = "c" * 40


def write_recipe(release, tokenizer):
    (release.folder / "small.toml").write_text(
        f"""
name = "small"
[source]
repo = "./source"
tokenizer = "{tokenizer}"
[[variant]]
scheme = "4bit"
encoder = "minmax"
[evaluation]
texts = []
"""
    )


@pytest.fixture
def release(tmp_path):
    """Weights that have no tokenizer, and a model that has one."""
    source = write_checkpoint(tmp_path / "source")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (source / name).unlink()
    (source / "vocab.json").write_text("{}")  # a leftover of a tokenizer is none of the other one
    write_checkpoint(tmp_path / "other")
    release = Release(tmp_path)
    write_recipe(release, "./other")
    return release


def made(release):
    return release.home / "small-4bit"


def listing(release):
    found = (path for path in release.folder.rglob("*") if path.name != ".lock")
    return {path: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in found}


@pytest.mark.parametrize("tokenizer", ["./other", "tiny"])
def test_it_is_made_with_the_tokenizer_once(release, tokenizer):
    write_recipe(release, tokenizer)

    result = release.run()

    assert result.failure is None
    assert json.loads((made(release) / "tokenizer.json").read_text())["model"]["type"] == "BPE"
    assert not (made(release) / "vocab.json").exists()
    assert not any(path.is_symlink() for path in made(release).rglob("*"))
    assert release.lock["source"]["tokenizer"]["name"] == tokenizer
    before = listing(release)
    assert [one.did for one in release.run().built] == [()]
    assert release.calls == []
    assert listing(release) == before


def test_another_tokenizer_makes_it_again(release):
    release.run()
    settings = release.folder / "other" / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace("assistant", "answer"))
    (release.folder / "other" / "added_tokens.json").write_text("{}")

    (foreseen,) = forecast(release.plan()).foreseen
    release.run()

    assert (foreseen.is_there, foreseen.done) == (False, ())
    assert ("make", ("small-4bit",)) in release.calls
    assert (made(release) / "tokenizer_config.json").read_bytes() == settings.read_bytes()
    assert (made(release) / "added_tokens.json").exists()


def test_it_is_verified(release):
    release.run()

    result = verified(release.plan(), release.home / "lock.json", engage=release.engage)

    assert [one.said for one in result.verified] == ["identical"]


def test_a_repo_is_asked_for_once_and_at_its_commit(release):
    asked = []
    write_recipe(release, "owner/it")

    def locate(name):
        asked.append(name)
        return Located(release.folder / "other", "owner/it", COMMIT)

    def run():
        release.calls.clear()
        build(release.plan(), engage=release.engage, dress=card, ways=Ways(tokenizer=locate))

    run()
    assert release.lock["source"]["tokenizer"]["commit"] == COMMIT
    assert forecast(release.plan()).foreseen[0].is_there
    run()
    assert (asked, release.calls) == (["owner/it"], [])
    shutil.rmtree(release.home / ".source")
    run()
    assert (asked, release.calls) == (["owner/it", f"owner/it@{COMMIT}"], [])


def test_a_plan_needs_no_tokenizer(release):
    write_recipe(release, "owner/it")
    with (release.folder / "small.toml").open("a") as recipe:
        recipe.write('[gates]\nmust_fit = ["iphone-13-pro@64"]\n')
    before = listing(release)

    (foreseen,) = forecast(release.plan()).foreseen

    assert not foreseen.is_there
    assert "fits" in foreseen.verdicts[0]
    assert listing(release) == before


def test_the_links_go_with_the_wish(release):
    release.run()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(release.folder / "other" / name, release.folder / "source")
    recipe = release.folder / "small.toml"
    recipe.write_text(recipe.read_text().replace("tokenizer =", 'license = "mit" #'))

    release.run()

    assert not (release.home / ".source").exists()


def test_no_such_folder_is_one_sentence(release):
    write_recipe(release, "./none")

    with pytest.raises(NotFoundError, match="no folder"):
        release.run()


def test_a_model_without_one_is_one_sentence(release):
    write_recipe(release, "./source")

    (release.folder / "source" / "vocab.json").unlink()
    with pytest.raises(CheckpointError, match=r"'\./source', whose tokenizer the recipe asks for, has none"):
        release.run()
