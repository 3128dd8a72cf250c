"""What is kept between runs: where, under which name, how much of it, and what is told when it cannot be."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxkit.core.errors import DoesNotFitError, MlxkitError
from mlxkit.core.schemes import parse
from mlxkit.engines import models, store
from mlxkit.engines.store.kept import cache_folder, telling
from tests.fakes.checkpoints import write_checkpoint

KEYS = st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=3), max_size=3)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def no_room(limit: int = 1000) -> Iterator[None]:
    """No file may grow: what a full disk looks like from here."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def kept_files(cache: Path) -> list[str]:
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())


def test_the_folder_is_the_users_choice_or_the_systems(cache, tmp_path, monkeypatch):
    assert store.kept("texts", {}).parent == cache / "texts"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLXKIT_CACHE", "~/elsewhere")
    assert cache_folder() == tmp_path / "home/elsewhere"
    monkeypatch.setenv("MLXKIT_CACHE", "")
    assert cache_folder().name == "mlxkit"
    assert cache_folder() != tmp_path / "home/elsewhere"


@given(one=KEYS, other=KEYS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_name_stands_for_all_of_its_key_and_nothing_else(one, other):
    reordered = dict(reversed(one.items()))
    assert store.kept("losses", one, ".json") == store.kept("losses", reordered, ".json")
    assert (store.kept("losses", one) == store.kept("losses", other)) == (one == other)
    assert store.kept("losses", one) != store.kept("texts", one)


def test_what_was_kept_is_recalled(cache):
    path = store.kept("losses", {"a": 1}, ".json")
    assert store.recalled(path) is None
    store.keep(path, b'{"loss": 0.5}')
    assert store.recalled(path) == {"loss": 0.5}
    store.keep(path, b"[]")
    assert store.recalled(path) == []
    assert len(kept_files(cache)) == 1


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b'{"loss": 0.', b"\xff\xfe"])
def test_a_damaged_file_counts_as_none(damage):
    path = store.kept("losses", {}, ".json")
    path.write_bytes(damage)
    assert store.recalled(path) is None


def test_a_file_is_kept_whole_or_not_at_all(cache):
    path = store.kept("texts", {}, ".json")
    store.keep(path, b"old")
    with no_room(), pytest.raises(MlxkitError):
        store.keep(path, b"new" * 1000)
    assert path.read_bytes() == b"old"
    assert kept_files(cache) == [path.relative_to(cache).as_posix()]


def test_arrays_are_kept_whole_or_not_at_all(cache):
    spool = models.Spool(store.kept("encodings", {}))
    encoded = models.encode(mx.random.normal((256, 128)), parse("4bit"), "minmax")
    with no_room(), pytest.raises(MlxkitError, match="cannot be written") as told:
        spool.put("model.norm", encoded)
    assert "MLXKIT_CACHE" in told.value.hint
    assert kept_files(cache) == []
    spool.put("model.norm", encoded)
    assert ("model.norm", parse("4bit")) in spool
    assert mx.array_equal(spool.get("model.norm", parse("4bit")).scales, encoded.scales)


def test_a_damaged_file_of_arrays_is_named(cache):
    spool = models.Spool(store.kept("encodings", {}))
    spool.put("model.norm", models.encode(mx.random.normal((4, 128)), parse("4bit"), "minmax"))
    (path,) = [path for path in cache.rglob("*") if path.is_file()]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MlxkitError, match="damaged") as told:
        spool.get("model.norm", parse("4bit"))
    assert str(path) in told.value.message
    assert "delete it" in told.value.hint


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(cache):
    cache.write_text("a file")
    with pytest.raises(MlxkitError, match="cannot be written") as told:
        store.kept("texts", {})
    assert str(cache) in told.value.message
    assert told.value.hint == "set MLXKIT_CACHE to a folder that can be written"
    store.tidy()
    store.drop(cache / "texts" / "x.json")
    assert store.recalled(cache / "texts" / "x.json") is None


def test_a_folder_that_went_away_is_told_in_one_sentence(cache):
    path = store.kept("texts", {}, ".json")
    path.parent.rmdir()
    with pytest.raises(MlxkitError, match="cannot be written"):
        store.keep(path, b"text")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_as_one(code, cache):
    with pytest.raises(DoesNotFitError, match="disk is full") as told, telling():
        raise OSError(code, os.strerror(code))
    assert str(cache) in told.value.message
    assert "MLXKIT_CACHE" in told.value.hint


def aged(number: int, size: int = 10) -> Path:
    """A kept file that was used last so many seconds after 1970."""
    path = store.kept("texts", {"number": number}, ".json")
    store.keep(path, b"x" * size)
    os.utime(path, (number, number))
    return path


def test_the_least_recently_used_files_go(cache):
    old, middle, young = aged(1), aged(2), aged(3)
    store.tidy(limit_bytes=30)
    assert all(path.exists() for path in (old, middle, young))
    store.kept("texts", {"number": 1}, ".json")  # used now
    store.tidy(limit_bytes=20)
    assert [path.exists() for path in (old, middle, young)] == [True, False, True]
    # What was used today may be in use.
    store.tidy(limit_bytes=0)
    assert [path.exists() for path in (old, young)] == [True, False]


@given(sizes=st.lists(st.integers(0, 50), max_size=6), limit=st.integers(0, 150))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_no_more_is_kept_than_may_be(cache, sizes, limit):
    store.drop(cache)
    paths = [aged(number + 1, size) for number, size in enumerate(sizes)]
    store.tidy(limit_bytes=limit)
    left = [path for path in paths if path.exists()]
    assert sum(path.stat().st_size for path in left) <= limit
    assert left == paths[len(paths) - len(left) :]


def test_tidying_forgives_links_that_lead_nowhere_and_a_cache_that_is_not_there(cache):
    store.tidy()
    store.kept("texts", {})
    link = cache / "texts/link"
    link.symlink_to(cache / "nowhere")
    os.utime(link, (1, 1), follow_symlinks=False)
    store.tidy(limit_bytes=-1)
    assert not link.is_symlink()


def test_dropping_takes_a_file_a_folder_or_nothing(cache):
    file, folder = aged(1), store.kept("encodings", {})
    folder.mkdir()
    (folder / "inner").write_text("x")
    for path in (file, folder, cache / "nothing"):
        store.drop(path)
        assert not path.exists()


@pytest.mark.parametrize(
    "name",
    ["model-00002-of-00003.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"],
)
def test_a_checkpoint_that_was_touched_is_another_one(tmp_path, name):
    folder = write_checkpoint(tmp_path / "source", shards=3)
    before = store.fingerprint(store.read("it", folder))
    assert store.fingerprint(store.read("another name", folder)) == before
    facts = (folder / name).stat()
    os.utime(folder / name, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert store.fingerprint(store.read("it", folder)) != before


def test_another_config_is_another_checkpoint_and_another_card_is_not(tmp_path):
    folder = write_checkpoint(tmp_path / "source")
    before = store.fingerprint(store.read("it", folder))
    (folder / "README.md").write_text("# Better words\n")
    assert store.fingerprint(store.read("it", folder)) == before
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("10000.0", "20000.0"))
    assert store.fingerprint(store.read("it", folder)) != before


def test_the_same_blobs_under_another_snapshot_are_the_same_checkpoint(tmp_path):
    blobs = write_checkpoint(tmp_path / "blobs")
    prints = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        for path in blobs.iterdir():
            (tmp_path / name / path.name).symlink_to(path)
        prints.add(store.fingerprint(store.read("it", tmp_path / name)))
    assert len(prints) == 1
