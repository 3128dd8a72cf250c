"""What is on this disk, and what may be on the Hub."""

from pathlib import Path

import pytest

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.engines import store


@pytest.mark.parametrize(
    "name", ["tiny", ".", "./nothing", "/nothing", "~/nothing", "a/b/c", "build/", "x\0y", "", "n" * 5000]
)
def test_what_can_only_be_here_is_local(name: str) -> None:
    assert store.is_local(name)


@pytest.mark.parametrize("name", ["owner/name", "owner/name@main", "name"])
def test_a_name_is_local_when_there_is_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not store.is_local(name)

    (tmp_path / name).mkdir(parents=True)

    assert store.is_local(name)
    assert store.local(name).folder == tmp_path / name
    assert store.local(name).repo is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [("owner/name", "mlxkit fetch owner/name"), ("./owner/name", "`tiny` needs none: mlxkit run tiny")],
)
def test_a_folder_that_is_not_there_is_told_with_the_next_command(name: str, hint: str) -> None:
    with pytest.raises(NotFoundError, match="no folder") as caught:
        store.local(name)

    assert caught.value.hint == hint


def test_a_destination_that_exists_is_refused_early(tmp_path: Path) -> None:
    store.refuse_existing(tmp_path / "new", force=False)
    store.refuse_existing(tmp_path, force=True)
    (tmp_path / "loose").symlink_to("nowhere")

    for path in (tmp_path, tmp_path / "loose"):
        with pytest.raises(PlanError, match="exists already"):
            store.refuse_existing(path, force=False)


def test_folders_to_be_are_on_the_disk_of_what_is_above_them(tmp_path: Path) -> None:
    assert store.is_same_disk(tmp_path / "a/b/c", tmp_path)
