"""Recipes are read from files, and those that ship are found."""

import pytest

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.recipes import LONGEST, template
from mlxkit.engines.store import read_recipe, shipped


def test_a_recipe_is_read_from_its_file(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(template("owner/m"), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert read_recipe(tmp_path / "mine.toml") == read_recipe(type(tmp_path)("~/mine.toml"))


@pytest.mark.parametrize("name", ["absent.toml", ".", "a\0b", "~nobody-at-all/x.toml", "x" * 300])
def test_a_file_that_cannot_be_read_is_one_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotFoundError, match=r"^The recipe '.*' cannot be read: .*\.$") as caught:
        read_recipe(type(tmp_path)(name))

    assert "mlxkit build --new" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"mine\.toml' is empty\.$"),
        (b"\xff\xfe", r"mine\.toml' is no text in UTF-8"),
        (b"name = \n", r"mine\.toml' is no TOML: .*line 1"),
        (b"#" * (4 * LONGEST + 1), r"mine\.toml' is no recipe: it has more than"),
        (b"#" * (LONGEST + 1), r"mine\.toml' is no recipe: it has 262145 characters"),
        (b"x = 1", r"mine\.toml': the top has a key 'x', which means nothing\.$"),
    ],
)
def test_what_is_no_recipe_is_one_sentence(content, sentence, tmp_path):
    (tmp_path / "mine.toml").write_bytes(content)

    with pytest.raises(PlanError, match=sentence):
        read_recipe(tmp_path / "mine.toml")


def test_what_ships_is_found_by_its_name():
    found = shipped()

    assert {"tiny", "qwen3-0.6b", "qwen3-4b"} <= found.keys()
    assert all(path.is_file() and path.stem == name for name, path in found.items())
