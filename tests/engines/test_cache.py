"""The cache: what other tools see in it, what is found without a request, what removing frees."""

import dataclasses
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, scan_cache_dir, snapshot_download

from mlxkit.core.errors import HubError, NotFoundError
from mlxkit.engines.hub import Hub, api, cache, download, holdings
from mlxkit.engines.hub.layout import Room
from mlxkit.engines.hub.patience import Patience
from tests.fakes.fetching import NAME, fetch, plan_of, repo, sha256
from tests.hub import Generated, TestHub

MODEL = "model.safetensors"
# What mlx-lm looks for, offline too: mlx_lm/utils.py, DEFAULT_ALLOW_PATTERNS.
MLX_LM = ["*.json", "model*.safetensors", "*.py", "tokenizer.model", "*.tiktoken", "tiktoken.model", "*.txt", "*.jinja"]


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_other_tools_find_it_offline(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(1000))
    done = fetch(hub)

    found = snapshot_download(NAME, cache_dir=hub.cache, local_files_only=True, allow_patterns=MLX_LM)

    assert Path(found) == done.folder
    scanned = scan_cache_dir(hub.cache)
    assert not scanned.warnings
    (held,) = scanned.repos
    (revision,) = held.revisions
    assert (held.repo_id, revision.refs, revision.nb_files) == (NAME, frozenset({"main"}), 4)


def test_links_and_blobs_are_those_that_the_library_makes(server: TestHub, hub: Hub, tmp_path: Path) -> None:
    server.add(NAME, {**repo(1000), "additional_chat_templates/x.jinja": b"{{ x }}"})
    ours = fetch(hub).folder
    theirs = Path(
        snapshot_download(
            NAME, cache_dir=tmp_path / "theirs", endpoint=hub.endpoint, ignore_patterns=["*.bin"], token=False
        )
    )

    def links(folder: Path) -> dict[str, str]:
        return {
            path.relative_to(folder).as_posix(): str(path.readlink()) for path in folder.rglob("*") if path.is_symlink()
        }

    assert links(ours) == links(theirs)
    assert ours.name == theirs.name
    assert (ours.parents[1] / "refs/main").read_text() == (theirs.parents[1] / "refs/main").read_text()


def test_what_the_library_fetched_is_not_fetched_again(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(1000))
    snapshot_download(NAME, cache_dir=hub.cache, endpoint=hub.endpoint, token=False, allow_patterns=MLX_LM)
    sent = server.bytes_sent(MODEL)

    found = cache.find(hub, NAME)
    done = fetch(hub)

    assert found is not None
    assert done.folder == found.folder
    assert server.bytes_sent(MODEL) == sent
    assert done.fetched_bytes == len(repo()["README.md"])  # what mlx-lm does not look for


def test_the_library_does_not_fetch_again_what_we_fetched(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(1000))
    fetch(hub)
    sent = server.bytes_sent(MODEL)

    snapshot_download(NAME, cache_dir=hub.cache, endpoint=hub.endpoint, token=False)

    assert server.bytes_sent(MODEL) == sent


def test_found_without_a_request_by_any_name(server: TestHub, hub: Hub) -> None:
    held = server.add("owner/old", repo(1000), tags=["v1"])
    server.rename("owner/old", "owner/new")
    fetch(hub, "owner/old", "v1")
    asked = len(server.requests)

    for name, revision in [("owner/old", "v1"), ("owner/new", "v1"), ("owner/new", held.head)]:
        found = cache.find(hub, name, revision)
        assert found is not None
        assert (found.repo_id, found.commit) == ("owner/new", held.head)
    assert cache.find(hub, "owner/new") is None  # main was not asked for
    assert cache.find(hub, "owner/other", "v1") is None
    assert len(server.requests) == asked


def test_offline_no_socket_is_opened(server: TestHub, hub: Hub, no_sockets: None) -> None:
    offline = dataclasses.replace(hub, is_offline=True)

    assert cache.find(offline, NAME) is None
    assert holdings.scan(offline) == holdings.Holdings()
    with pytest.raises(HubError, match="offline"):
        api.resolve(offline, NAME)


def test_offline_what_is_whole_is_fetched_without_a_socket(
    server: TestHub, hub: Hub, request: pytest.FixtureRequest
) -> None:
    server.add(NAME, repo(1000))
    fetch(hub)
    plan = plan_of(hub)
    request.getfixturevalue("no_sockets")
    offline = dataclasses.replace(hub, is_offline=True)

    assert download.fetch(offline, plan, verify=True).fetched_bytes == 0
    blob = (Room(hub.cache, NAME).snapshot(plan.commit) / MODEL).resolve()
    right = blob.read_bytes()
    blob.write_bytes(right[:-1] + b"?")
    with pytest.raises(HubError, match="offline"):
        download.fetch(offline, plan, verify=True)
    assert not blob.exists()
    blob.write_bytes(right)
    (Room(hub.cache, NAME).snapshot(plan.commit) / MODEL).resolve().unlink()
    with pytest.raises(HubError, match="offline"):
        download.fetch(offline, dataclasses.replace(plan, files=cache.plan(hub, *_asked(plan)).files))


def _asked(plan: cache.FetchPlan) -> tuple[api.Repository, tuple[cache.RemoteFile, ...]]:
    files = tuple(planned.file for planned in plan.files)
    return api.Repository(plan.repo_id, plan.repo_id, plan.revision, plan.commit, files), files


def test_an_interrupted_fetch_is_not_found_and_the_old_one_still_is(server: TestHub, hub: Hub) -> None:
    held = server.add(NAME, repo(2_000_000))
    old = fetch(hub).folder
    held.commit({MODEL: Generated(2_000_000, seed=9)})
    server.faults.add(MODEL, "drop", at=1_500_000)
    with pytest.raises(HubError):
        fetch(hub, patience=Patience(tries=1))

    found = cache.find(hub, NAME)

    assert found is not None
    assert found.folder == old
    assert cache.find(hub, NAME, held.head) is None
    assert not scan_cache_dir(hub.cache).warnings
    assert fetch(hub).folder == Room(hub.cache, NAME).snapshot(held.head)


@pytest.mark.parametrize("path", ["config.json", "tokenizer.json", MODEL])
def test_a_snapshot_that_lacks_a_file_is_not_whole(server: TestHub, hub: Hub, path: str) -> None:
    server.add(NAME, repo(1000))
    folder = fetch(hub).folder
    listed = Room(hub.cache, NAME).chosen(folder.name)

    (folder / path).unlink()
    assert cache.find(hub, NAME) is None
    listed.unlink()  # without our list, its own content tells
    assert cache.find(hub, NAME) is None


def test_a_part_chosen_by_hand_is_not_taken_for_the_whole(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(1000))
    found = api.resolve(hub, NAME)
    config = tuple(file for file in found.files if file.path == "config.json")

    download.fetch(hub, cache.plan(hub, found, config, is_whole=False))

    assert cache.find(hub, NAME) is None


def test_holdings_and_what_removing_frees(server: TestHub, hub: Hub) -> None:
    held = server.add(NAME, repo(3000))
    fetch(hub)
    held.commit({"config.json": b'{"a": 1}'})
    fetch(hub)
    server.add("owner/other", repo(500))
    fetch(hub, "owner/other")

    found = holdings.scan(hub)
    old, new = sorted((one for one in found.snapshots if one.repo_id == NAME), key=lambda one: one.refs)

    assert [one.repo_id for one in found.snapshots] == [NAME, NAME, "owner/other"]
    assert (old.refs, new.refs, new.is_whole) == ((), ("main",), True)
    assert {file.path for file in new.files} == {"config.json", "tokenizer.json", "README.md", MODEL}
    removal = holdings.plan_removal(found, [old])
    assert removal.freed_bytes == len(repo()["config.json"])
    holdings.remove(hub, removal)
    assert cache.find(hub, NAME) is not None
    whole = holdings.plan_removal(
        holdings.scan(hub), [one for one in holdings.scan(hub).snapshots if one.repo_id == NAME]
    )
    assert whole.freed_bytes > 3000
    holdings.remove(hub, whole)
    assert not Room(hub.cache, NAME).folder.exists()
    assert cache.find(hub, "owner/other") is not None
    with pytest.raises(NotFoundError):
        holdings.plan_removal(holdings.scan(hub), [new])


def test_leftovers_are_seen_and_swept(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(2_000_000))
    server.faults.add(MODEL, "drop", at=1_500_000)
    with pytest.raises(HubError):
        fetch(hub, patience=Patience(tries=1))
    theirs = Room(hub.cache, NAME).folder / "blobs" / f"{'a' * 64}.12345678.incomplete"
    theirs.write_bytes(b"x" * 10)

    found = holdings.scan(hub)

    assert {one.place.suffix for one in found.leftovers} == {".incomplete"}
    removal = holdings.plan_removal(found, leftovers=found.leftovers)
    assert removal.freed_bytes >= 1_400_010
    holdings.remove(hub, removal)
    assert not holdings.scan(hub).leftovers
    assert holdings.scan(hub).snapshots


def test_a_copy_is_plain_files_of_its_own(server: TestHub, hub: Hub, tmp_path: Path) -> None:
    server.add(NAME, repo(100_000))
    done = fetch(hub)
    told: list[int] = []
    target = tmp_path / "plain"
    target.mkdir()

    holdings.copy(done.folder, [file.file.path for file in done.files], target, told.append)

    assert not any(path.is_symlink() for path in target.rglob("*"))
    assert sha256(target / MODEL) == sha256(done.folder / MODEL)
    assert sum(told) == sum(file.file.size_bytes for file in done.files)


def test_on_a_disk_without_links_the_files_stand_in_the_snapshot(
    server: TestHub, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    server.add(NAME, {**repo(100_000), "model-copy.safetensors": Generated(100_000)})

    done = fetch(hub)

    assert not any(path.is_symlink() for path in hub.cache.rglob("*"))
    assert not list((Room(hub.cache, NAME).folder / "blobs").iterdir())
    assert cache.find(hub, NAME) is not None
    assert fetch(hub, verify=True).fetched_bytes == 0
    (done.folder / MODEL).write_bytes(b"\0" * 100_000)
    assert fetch(hub, verify=True).fetched_bytes == 100_000
    assert sha256(done.folder / MODEL) == sha256(done.folder / "model-copy.safetensors")


def test_hf_lists_and_verifies_it(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(100_000))
    fetch(hub)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    own = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(hub.cache), "HF_HOME": str(hub.cache.parent)}
    hf = [sys.executable, "-m", "huggingface_hub.cli.hf", "cache"]

    listed, verified = (
        subprocess.run([*hf, *words], env=kept | own, capture_output=True, text=True, timeout=60, check=False)
        for words in (["ls"], ["verify", NAME])
    )

    assert f"model/{NAME}" in listed.stdout, listed.stderr
    assert verified.returncode == 0, verified.stdout + verified.stderr
