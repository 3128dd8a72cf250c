"""Fetching through a network that fails in every way at several places: the bytes are right, and few are sent twice."""

import errno
import threading
import time
from pathlib import Path

import pytest

from mlxkit.core.errors import DoesNotFitError, HubError, IntegrityError
from mlxkit.core.fetching import FetchPlan, PlannedFile, RemoteFile
from mlxkit.core.progress import Advance
from mlxkit.engines.hub import Hub, cache, download
from mlxkit.engines.hub.layout import Room, writing
from mlxkit.engines.hub.patience import Patience
from tests.fakes.fetching import NAME, fetch, no_sleep, plan_of, repo, sha256
from tests.hub import Generated, TestHub

SIZE = 3_000_000
MODEL = "model.safetensors"
OFFSETS = [0, 1, 65_536, 1_048_576, 1_500_001, SIZE - 1]
HASTY = Patience(tries=1)


def digest_of(server: TestHub, name: str = NAME, path: str = MODEL) -> str:
    held = server.repos[name]
    return held.commits[held.head].files[path].sha256


def check(server: TestHub, done: download.Fetched) -> None:
    """The fetched weights are those of the server, and there is nothing half done."""
    assert sha256(done.folder / MODEL) == digest_of(server)
    assert not list(done.folder.parents[1].rglob("*.incomplete"))


def test_a_checkpoint_is_fetched_whole_and_checked(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))

    done = fetch(hub)

    check(server, done)
    assert {path.name for path in done.folder.iterdir()} == {"config.json", "tokenizer.json", "README.md", MODEL}
    assert (done.fetched_bytes, done.reused_bytes, done.retries) == (server.bytes_sent(), 0, 0)
    assert all(file.is_checked for file in done.files)


def test_what_is_here_is_not_fetched_again(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    first = fetch(hub)
    sent = server.bytes_sent()

    done = fetch(hub)

    assert (done.fetched_bytes, done.reused_bytes) == (0, first.fetched_bytes)
    assert server.bytes_sent() == sent
    assert not any(file.is_checked for file in done.files)


@pytest.mark.parametrize("at", OFFSETS)
@pytest.mark.parametrize("kind", ["drop", "reset", "truncate"])
def test_a_connection_that_ends_is_taken_up_where_it_ended(server: TestHub, hub: Hub, kind: str, at: int) -> None:
    server.add(NAME, repo(SIZE))
    fault = server.faults.add(MODEL, kind, at=at)  # type: ignore[arg-type]

    done = fetch(hub)

    check(server, done)
    assert fault.fired == 1
    assert done.retries == 1
    # A reset may take with it what the socket had received and nobody had read.
    assert server.bytes_sent(MODEL) <= SIZE + (SIZE if kind == "reset" else 65_536)


@pytest.mark.parametrize("after", [70_000, 600_000])
def test_a_link_that_breaks_again_and_again_gets_there(server: TestHub, hub: Hub, after: int) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "drop", after=after, times=None)

    done = fetch(hub, patience=Patience(tries=2))

    check(server, done)
    assert done.retries == (SIZE - 1) // after


@pytest.mark.parametrize("at", [None, 1, 1_500_001])
def test_a_server_that_falls_silent_is_asked_again(server: TestHub, hub: Hub, at: int | None) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "stall", at=at, seconds=30.0, origin="cdn")

    done = fetch(hub, patience=Patience(silence_seconds=0.5))

    check(server, done)
    assert done.retries == 1
    assert done.seconds < 10


@pytest.mark.parametrize("origin", ["hub", "cdn"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_fault_of_the_server_passes(server: TestHub, hub: Hub, status: int, origin: str) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "status", status=status, times=2, origin=origin)  # type: ignore[arg-type]

    done = fetch(hub)

    check(server, done)
    assert done.retries == 2


def test_a_wait_that_is_asked_for_is_kept(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "status", status=429, retry_after=37)
    waits: list[float] = []

    check(server, fetch(hub, sleep=waits.append))

    assert waits == [37.0]


def test_waits_grow_and_end(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "status", status=503, times=None)
    waits: list[float] = []

    with pytest.raises(HubError, match="503"):
        fetch(hub, sleep=waits.append)

    longest = [0.5, 1, 2, 4, 8, 16, 20]
    assert len(waits) == len(longest)
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))


def test_a_wait_that_is_too_long_is_told(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "status", status=429, retry_after=7200)

    with pytest.raises(HubError, match="no more requests"):
        fetch(hub)


@pytest.mark.parametrize("times", [1, 2])
def test_an_address_that_has_expired_is_asked_for_anew(server: TestHub, hub: Hub, times: int) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "drop", at=1_500_000)
    server.faults.add(MODEL, "expired", times=times, origin="cdn")

    done = fetch(hub)

    check(server, done)
    assert done.retries == times + 1
    assert server.bytes_sent(MODEL) <= SIZE + 65_536


def test_addresses_that_never_work_are_told(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "expired", times=None, origin="cdn")

    with pytest.raises(HubError, match=r"gives for 'model\.safetensors' is refused"):
        fetch(hub)


@pytest.mark.parametrize("at", [1, 1_048_577, SIZE - 1])
def test_a_server_that_ignores_ranges_is_put_up_with(server: TestHub, hub: Hub, at: int) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "drop", at=at)
    server.faults.add(MODEL, "ignore_range", times=None)

    done = fetch(hub)

    check(server, done)
    assert server.bytes_sent(MODEL) <= 2 * SIZE


def test_an_answer_that_is_compressed_all_the_same_is_read(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add("*", "gzip", times=None)

    check(server, fetch(hub))


@pytest.mark.parametrize("at", OFFSETS)
def test_a_wrong_byte_is_found_and_the_file_fetched_once_more(server: TestHub, hub: Hub, at: int) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "corrupt", at=at)

    done = fetch(hub)

    check(server, done)
    assert server.bytes_sent(MODEL) == 2 * SIZE


def test_a_wrong_byte_in_a_small_file_is_found_too(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add("config.json", "corrupt", at=3)

    assert (fetch(hub).folder / "config.json").read_bytes() == repo()["config.json"]


def test_a_file_that_stays_wrong_gets_no_good_name(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "corrupt", at=1_500_001, times=2)

    with pytest.raises(IntegrityError, match=r"model\.safetensors.*twice") as caught:
        fetch(hub)

    room = Room(hub.cache, NAME)
    assert caught.value.exit_status == 6
    assert not [path for path in (room.folder / "blobs").iterdir() if digest_of(server) in path.name]
    assert cache.find(hub, NAME) is None
    check(server, fetch(hub))  # the next run succeeds


@pytest.mark.parametrize("at", [1_048_575, 1_500_001, 2_900_000])
def test_a_later_run_continues_inside_the_file(server: TestHub, hub: Hub, at: int) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "drop", at=at)
    with pytest.raises(HubError, match="breaks off"):
        fetch(hub, patience=HASTY)
    plan = plan_of(hub)

    done = fetch(hub)

    check(server, done)
    assert plan.fetch_bytes <= SIZE - at + 65_536 + 100
    assert next(file.reused_bytes for file in done.files if file.file.path == MODEL) >= at - 65_536
    assert server.bytes_sent(MODEL) <= SIZE + 65_536


def test_what_an_earlier_run_left_wrong_is_found(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    room, plan = Room(hub.cache, NAME), plan_of(hub)
    left = room.folder / "blobs" / f"{digest_of(server)}.mlxkit.incomplete"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"\0" * 2_000_000)

    done = download.fetch(hub, plan, sleep=no_sleep)

    check(server, done)
    assert done.retries == 1


def test_a_leftover_that_is_too_long_is_dropped(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    left = Room(hub.cache, NAME).folder / "blobs" / f"{digest_of(server)}.mlxkit.incomplete"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"\0" * (SIZE + 1))

    check(server, fetch(hub))


def test_verify_finds_a_bad_blob_under_a_good_name(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    blob = (fetch(hub).folder / MODEL).resolve()
    with blob.open("r+b") as file:
        file.seek(1_234_567)
        file.write(b"?!")

    assert not any(file.fetched_bytes for file in fetch(hub).files)  # sizes alone do not tell
    watched = Watched()
    check(server, fetch(hub, verify=True, progress=watched))
    assert sum(watched.told[f"fetching {NAME}"]) == 0  # what was taken back came again
    assert sum(watched.told[f"checking {MODEL}"]) == SIZE


def test_the_token_stays_with_the_hub(server: TestHub, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    server.add("alice/private", repo(SIZE), private=True)
    server.faults.add(MODEL, "drop", at=1_000_000)

    done = fetch(hub, "alice/private")

    assert sha256(done.folder / MODEL) == digest_of(server, "alice/private")
    assert server.cdn_requests
    assert not server.leaked
    assert any("authorization" in seen.headers for seen in server.requests)


def test_several_files_share_the_work_and_one_content_is_fetched_once(server: TestHub, hub: Hub) -> None:
    shards = {f"model-{number}.safetensors": Generated(400_000, seed=number % 3) for number in range(6)}
    server.add(NAME, {**repo(), **shards})

    watched = Watched()

    done = fetch(hub, workers=8, progress=watched)

    total, before = watched.opened[f"fetching {NAME}"]
    assert before + sum(watched.told[f"fetching {NAME}"]) == total
    for path in shards:
        assert sha256(done.folder / path) == digest_of(server, path=path)
    assert server.bytes_sent("model-*.safetensors") == 3 * 400_000


def test_two_at_once_share_the_work(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "slow", rate=3_000_000)
    plan = plan_of(hub)
    both: list[download.Fetched] = []
    watched = [Watched(), Watched()]
    threads = [
        threading.Thread(target=lambda one=one: both.append(download.fetch(hub, plan, progress=one))) for one in watched
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(both) == 2
    check(server, both[0])
    assert server.bytes_sent(MODEL) == SIZE
    assert sorted(done.fetched_bytes > SIZE for done in both) != [True, True]
    assert [sum(one.told[f"fetching {NAME}"]) for one in watched] == [plan.total_bytes] * 2


class Watched:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.told: dict[str, list[int]] = {}
        self.opened: dict[str, tuple[int | None, int]] = {}

    def phase(self, name: str, total: int | None, unit: str, done: int = 0) -> "Phase":
        self.opened[name] = (total, done)
        return Phase(self.told.setdefault(name, []))


class Phase:
    """One phase of it."""

    def __init__(self, told: list[int]) -> None:
        self.told = told

    def __enter__(self) -> Advance:
        return self.told.append

    def __exit__(self, *_: object) -> None:
        """End."""


def test_progress_adds_up_in_spite_of_everything(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "drop", at=1_500_001)
    with pytest.raises(HubError):
        fetch(hub, patience=HASTY)
    server.faults.add(MODEL, "corrupt", at=2_000_000)
    watched = Watched()

    done = fetch(hub, progress=watched)

    check(server, done)
    for name in (f"fetching {NAME}", f"fetching {MODEL}"):
        total, before = watched.opened[name]
        assert before + sum(watched.told[name]) == total
        assert before > 1_400_000


def test_a_full_disk_is_told(hub: Hub) -> None:
    with pytest.raises(DoesNotFitError, match="full") as caught, writing(hub.cache):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert caught.value.exit_status == 4


def test_a_cache_that_cannot_be_written_is_told(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    hub.cache.parent.joinpath("cache").write_text("a file where a folder should be")

    with pytest.raises(HubError, match="cannot be written") as caught:
        fetch(hub)

    assert caught.value.exit_status == 3


def test_a_disk_without_room_is_told_before_anything_is_fetched(server: TestHub, hub: Hub) -> None:
    huge = PlannedFile(RemoteFile(MODEL, 10**16, "a" * 64, "b" * 40), 0)

    with pytest.raises(DoesNotFitError):
        download.fetch(hub, FetchPlan(NAME, "main", "c" * 40, (huge,)))

    assert not server.requests
    assert not hub.cache.exists()


def test_the_first_failure_stops_the_others_at_once(server: TestHub, hub: Hub, tmp_path: Path) -> None:
    server.add(NAME, {**repo(50_000_000), "model-2.safetensors": Generated(100)})
    server.faults.add(MODEL, "slow", rate=1_000_000)
    server.faults.add("model-2.safetensors", "status", status=404, times=None)
    begin = time.monotonic()

    with pytest.raises(HubError):
        fetch(hub)

    assert time.monotonic() - begin < 5
