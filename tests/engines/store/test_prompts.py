from importlib.resources import files

import pytest

from mlxkit.engines.store import evaluation_prompts, prompts
from mlxkit.engines.store.prompts import KINDS

FOLDER = files("mlxkit") / "data" / "prompts"
BY_KIND = {kind: (FOLDER / f"{kind}.txt").read_text(encoding="utf-8").splitlines() for kind in KINDS}


EVALUATION = {kind: (FOLDER / "evaluation" / f"{kind}.txt").read_text(encoding="utf-8").splitlines() for kind in KINDS}


@pytest.mark.parametrize(("folder", "fewest"), [("", 20), ("evaluation", 8)])
def test_every_file_is_a_kind(folder, fewest):
    files = [path for path in (FOLDER / folder).iterdir() if path.is_file()]
    assert sorted(path.name for path in files) == sorted(f"{kind}.txt" for kind in KINDS)
    assert all(fewest <= len(path.read_text(encoding="utf-8").splitlines()) <= 30 for path in files)


@pytest.mark.parametrize(
    ("given", "by_kind"), [(prompts(), BY_KIND), (evaluation_prompts(), EVALUATION)], ids=["calibration", "evaluation"]
)
def test_each_is_given_once_and_short(given, by_kind):
    assert sorted(given) == sorted(prompt for found in by_kind.values() for prompt in found)
    assert len(set(given)) == len(given)
    assert all(prompt == prompt.strip() != "" and len(prompt.split()) <= 40 for prompt in given)


def test_none_calibrates_that_evaluates():
    assert not set(prompts()) & set(evaluation_prompts())


def test_the_kinds_take_turns():
    of = {prompt: kind for kind, found in BY_KIND.items() for prompt in found}
    given = prompts()
    assert given == prompts()
    assert all({of[prompt] for prompt in given[start : start + 5]} == set(KINDS) for start in range(96))


def test_prose_has_many_scripts():
    prose = "".join(BY_KIND["prose"])
    scripts = {
        "Latin": "a",
        "Cyrillic": "и",
        "Arabic": "ا",
        "Devanagari": "क",
        "Han": "的",
        "Kana": "の",
        "Hangul": "이",
    }
    assert all(letter in prose for letter in scripts.values())
