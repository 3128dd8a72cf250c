"""Models under the stopwatch: what is computed is what a plain forward pass computes, for every kind of cache."""

import itertools

import pytest

from mlxkit.core.errors import MlxkitError
from mlxkit.core.progress import Silent
from mlxkit.core.trials import Workload
from mlxkit.engines import models, store
from tests.fakes.architectures import architectures, write

ARCHITECTURES = architectures()


def load(folder):
    return models.load_for_timing(store.read("it", folder).sound(), trust_remote_code=False, progress=Silent())


def ticking():
    """A clock that goes on by one second whenever it is read."""
    return itertools.count(0.0).__next__


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_kind_of_cache_is_filled_and_measured(name, tmp_path):
    timing = load(write(name, tmp_path / "it"))
    before, after = timing.run(Workload(7, 4, depth=5, batch=2), ticking(), seed=1).cache_bytes
    assert 0 < before <= after
    single, _ = timing.run(Workload(7, 4, depth=5), ticking(), seed=1).cache_bytes
    assert before == 2 * single


def test_a_cache_counts_by_its_tokens_and_not_by_the_room_set_aside(tmp_path):
    timing = load(write("llama", tmp_path / "it"))
    bytes_of = {depth: timing.run(Workload(8, 3, depth=depth), ticking(), seed=1).cache_bytes for depth in (0, 8, 300)}
    per_token = bytes_of[0][0] / 8
    assert {depth: before for depth, (before, _) in bytes_of.items()} == {
        depth: (depth + 8) * per_token for depth in bytes_of
    }
    assert bytes_of[0][1] == (8 + 2) * per_token  # of three tokens, the last one is not put back


def test_the_clock_is_read_once_for_each_moment(tmp_path):
    timing = load(write("llama", tmp_path / "it"))
    found = timing.run(Workload(8, 5), ticking(), seed=1).trial
    assert (found.prefilled_seconds, found.first_seconds, found.last_seconds) == (1, 2, 6)
    single = timing.run(Workload(1, 1), ticking(), seed=1).trial
    assert single.first_seconds == single.last_seconds == 2


def test_memory_is_that_of_the_trial(tmp_path):
    timing = load(write("llama", tmp_path / "it"))
    small, large = (timing.run(Workload(size, 2), ticking(), 1).trial.peak_memory_bytes for size in (4, 400))
    assert 0 < small < large


def test_what_cannot_be_loaded_is_one_sentence(tmp_path):
    folder = write("llama", tmp_path / "it")
    (folder / "config.json").write_text("{}")
    with pytest.raises(MlxkitError):
        load(folder)


def test_memory_is_read_at_some_speed():
    found = models.read_bandwidth(size_bytes=2**20, reads=3)
    assert len(found) == 3
    assert min(found) > 0


def test_bandwidth_is_bytes_over_seconds():
    assert models.read_bandwidth(size_bytes=2**20, reads=2, clock=ticking()) == (2.0**20, 2.0**20)
