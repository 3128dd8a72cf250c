from importlib.resources import files

from mlxkit.engines.store import prompts
from mlxkit.engines.store.prompts import KINDS

FOLDER = files("mlxkit") / "data" / "prompts"
BY_KIND = {kind: (FOLDER / f"{kind}.txt").read_text(encoding="utf-8").splitlines() for kind in KINDS}


def test_every_file_is_a_kind_of_twenty_to_thirty_prompts():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{kind}.txt" for kind in KINDS)
    assert all(20 <= len(found) <= 30 for found in BY_KIND.values())


def test_each_is_given_once_and_short():
    given = prompts()
    assert sorted(given) == sorted(prompt for found in BY_KIND.values() for prompt in found)
    assert len(set(given)) == len(given)
    assert all(prompt == prompt.strip() != "" and len(prompt.split()) <= 40 for prompt in given)


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
