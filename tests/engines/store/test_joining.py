"""A folder of links is whole, is left alone while it is right, and is made anew when it is not."""

import pytest

from mlxkit.core.errors import MlxkitError
from mlxkit.engines.store import joined, links


@pytest.fixture
def files(tmp_path):
    found = {}
    for name in ("a.json", "below/b.json"):
        path = tmp_path / "origin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        found[name] = path
    return found


def test_it_leads_to_the_files(files, tmp_path):
    place = joined(tmp_path / "home" / ".joined", files)

    assert links(place) == files
    assert (place / "below/b.json").read_text() == "below/b.json"


def test_what_is_right_is_not_touched(files, tmp_path):
    place = joined(tmp_path / ".joined", files)
    before = place.stat().st_ino

    assert joined(place, files).stat().st_ino == before


def test_what_is_not_right_is_made_anew_whatever_a_killed_run_left(files, tmp_path):
    place = joined(tmp_path / ".joined", files)
    for left in (".joined.new", ".joined.old"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "half").write_text("")
    (place / "stray.json").write_text("{}")

    joined(place, {"a.json": files["a.json"]})

    assert links(place) == {"a.json": files["a.json"]}
    assert {path.name for path in tmp_path.iterdir()} == {"origin", ".joined"}


def test_a_file_in_the_way_is_one_sentence(files, tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(MlxkitError, match="cannot be written"):
        joined(tmp_path / "file" / ".joined", files)
