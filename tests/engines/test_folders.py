import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from mlxkit.core.errors import DoesNotFitError, MlxkitError, PlanError
from mlxkit.engines.store import replacing


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    (tmp_path / "origin").mkdir()
    return tmp_path / "origin"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_visible_until_the_block_ends(tmp_path, origin):
    with replacing(tmp_path / "new", source=origin, force=False) as partial:
        (partial / "a").write_text("a")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "a").read_text() == "a"
    assert names(tmp_path) == ["new", "origin"]


def test_a_failing_block_leaves_nothing(tmp_path, origin):
    def interrupted() -> None:
        with replacing(tmp_path / "new", source=origin, force=False) as partial:
            (partial / "a").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["origin"]


def test_missing_parents_are_made(tmp_path, origin):
    with replacing(tmp_path / "deep" / "er" / "new", source=origin, force=False) as partial:
        (partial / "a").write_text("a")
    assert names(tmp_path / "deep" / "er") == ["new"]


@pytest.mark.parametrize("destination", ["origin", "origin/sub", "origin/../origin", "."])
@pytest.mark.parametrize("force", [True, False])
def test_a_destination_that_would_harm_its_source_is_refused(tmp_path, origin, destination, force):
    (origin / "weights").write_text("precious")
    with pytest.raises(PlanError), replacing(tmp_path / destination, source=origin, force=force):
        pass
    assert (origin / "weights").read_text() == "precious"


def test_a_link_to_the_source_is_refused(tmp_path, origin):
    (tmp_path / "link").symlink_to(origin)
    with pytest.raises(PlanError), replacing(tmp_path / "link", source=origin, force=True):
        pass
    assert (tmp_path / "link").is_symlink()


def test_a_dangling_link_counts_as_existing(tmp_path, origin):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(PlanError, match="exists already"), replacing(tmp_path / "link", source=origin, force=False):
        pass


def test_force_replaces_a_link_and_not_what_it_points_to(tmp_path, origin):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with replacing(tmp_path / "link", source=origin, force=True) as partial:
        (partial / "a").write_text("a")
    assert names(tmp_path / "link") == ["a"]
    assert (tmp_path / "other" / "kept").read_text() == "kept"


def test_a_parent_that_is_a_file_is_one_sentence(tmp_path, origin):
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "new"
    with pytest.raises(MlxkitError, match="cannot be written"), replacing(place, source=origin, force=False):
        pass


def test_a_full_disk_is_told_as_one(tmp_path, origin):
    with pytest.raises(DoesNotFitError), replacing(tmp_path / "new", source=origin, force=False):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == ["origin"]


def hang(destination: Path, origin: Path, ready) -> None:
    with replacing(destination, source=origin, force=False) as partial:
        (partial / "half").write_text("half")
        ready.set()
        signal.pause()


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_stays(tmp_path, origin):
    context = multiprocessing.get_context("spawn")
    events = [context.Event(), context.Event()]
    killed, living = (context.Process(target=hang, args=(tmp_path / "new", origin, event)) for event in events)
    killed.start()
    assert events[0].wait(30)
    living.start()
    assert events[1].wait(30)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert len([name for name in names(tmp_path) if name.startswith(".new")]) == 4
    with replacing(tmp_path / "new", source=origin, force=False) as partial:
        (partial / "a").write_text("a")
    left = [name for name in names(tmp_path) if name.startswith(".new") and not name.endswith(".lock")]
    assert len(left) == 1
    living.terminate()
    living.join()
    assert names(tmp_path / "new") == ["a"]
