"""What the Hub is asked, and each way in which it does not answer: one sentence, and what to do."""

import dataclasses
import json
from typing import Any

import pytest

from mlxkit.core.errors import HubError, IntegrityError
from mlxkit.core.fetching import INDEX
from mlxkit.engines.hub import Hub, api
from tests.fakes.fetching import NAME, fetch, no_sleep, repo
from tests.hub import Generated, TestHub

SECRET = "hf_other"


def resolve(hub: Hub, name: str = NAME, revision: str | None = None) -> api.Repository:
    return api.resolve(hub, name, revision, sleep=no_sleep)


def refusal(hub: Hub, name: str = NAME, revision: str | None = None) -> HubError:
    """What is raised, after a look that no token is in it, nor in what it came from."""
    with pytest.raises(HubError) as caught:
        resolve(hub, name, revision)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error} {error!r} {error.args}"
        error = error.__cause__
    assert caught.value.exit_status == 3
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(".")
    return caught.value


@pytest.fixture
def signed_in(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    return dataclasses.replace(hub, has_token=True)


def test_a_revision_is_asked_once_and_pinned(server: TestHub, hub: Hub) -> None:
    held = server.add(NAME, repo(1000), tags=["v1"])
    first = held.head
    held.commit({"config.json": b"{}"})

    assert resolve(hub).commit == held.head
    assert resolve(hub, revision="v1").commit == first
    assert resolve(hub, revision=first).commit == first


def test_files_have_the_digest_of_their_content(server: TestHub, hub: Hub) -> None:
    held = server.add(NAME, repo(1000))
    blobs = held.commits[held.head].files

    for file in resolve(hub).files:
        assert (file.size_bytes, file.blob) == (blobs[file.path].size, blobs[file.path].etag)


def test_a_long_listing_is_read_to_its_end(server: TestHub, hub: Hub) -> None:
    server.page_entries = 3
    server.add(NAME, {**repo(1000), **{f"extra/{number}.txt": b"x" for number in range(10)}})

    assert len(resolve(hub).files) == 15


def test_a_renamed_repo_is_followed_and_said(server: TestHub, hub: Hub) -> None:
    server.add("owner/old", repo(1000))
    server.rename("owner/old", "owner/new")

    found = resolve(hub, "owner/old")

    assert (found.repo_id, found.asked, found.is_renamed) == ("owner/new", "owner/old", True)
    assert not resolve(hub, "owner/new").is_renamed


def test_no_such_repo(server: TestHub, hub: Hub) -> None:
    error = refusal(hub, "owner/none")

    assert "no public repo 'owner/none'" in error.message
    assert "hf auth login" in str(error.hint)


def test_no_such_repo_that_this_token_may_see(server: TestHub, signed_in: Hub) -> None:
    server.add("alice/private", repo(1000), private=True)

    assert "that this token may see" in refusal(signed_in, "alice/private").message
    assert "that this token may see" in refusal(signed_in, "alice/none").message


def test_no_such_revision(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(1000))

    assert "has no revision 'v9'" in refusal(hub, revision="v9").message


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_a_gated_repo(server: TestHub, hub: Hub, signed_in: Hub, is_signed_in: bool, monkeypatch: Any) -> None:
    server.add("alice/gated", repo(1000), gated=True)
    if not is_signed_in:
        monkeypatch.delenv("HF_TOKEN")
    here = signed_in if is_signed_in else hub

    with pytest.raises(HubError, match="is gated") as caught:
        fetch(here, "alice/gated")

    assert f"accept it at {server.endpoint}/alice/gated" in str(caught.value.hint)
    assert ("not signed in" in caught.value.message) == (not is_signed_in)


def test_a_token_that_is_none(server: TestHub, signed_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")
    server.add(NAME, repo(1000))

    with pytest.raises(HubError) as caught:
        resolve(signed_in)

    assert "hf_unknown" not in str(caught.value.__cause__)
    assert "hf auth login" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("status", "words"), [(403, "no access"), (429, "no more requests"), (503, "503"), (418, "418")]
)
def test_a_status_is_told(server: TestHub, signed_in: Hub, status: int, words: str) -> None:
    server.add(NAME, repo(1000))
    server.faults.add("*", "status", status=status, times=None)

    assert words in refusal(signed_in).message


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_fault_that_passes_is_not_told(server: TestHub, hub: Hub, status: int) -> None:
    server.add(NAME, repo(1000))
    server.faults.add("api/models/owner/name*", "status", status=status, times=2)

    assert resolve(hub).files


def test_nobody_is_there(hub: Hub) -> None:
    nowhere = dataclasses.replace(hub, endpoint="http://127.0.0.1:9")

    assert "127.0.0.1:9 cannot be reached" in refusal(nowhere).message


def test_nobody_answers(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(1000))
    server.faults.add("*", "drop", times=None)

    assert "breaks off" in refusal(hub).message


def test_somebody_else_answers(server: TestHub, hub: Hub) -> None:
    elsewhere = dataclasses.replace(hub, endpoint=server.cdn)

    assert refusal(elsewhere)


def test_an_address_that_is_none(hub: Hub) -> None:
    assert "not an address" in refusal(dataclasses.replace(hub, endpoint="ftp://x")).message


def test_offline_nothing_is_asked(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(1000))
    offline = dataclasses.replace(hub, is_offline=True)

    assert "offline" in refusal(offline).message
    assert not server.requests


def test_no_safetensors_and_what_there_is_instead(server: TestHub, hub: Hub) -> None:
    server.add(NAME, {"config.json": b"{}", "q4.gguf": b"x", "pytorch_model.bin": b"x"})
    found = resolve(hub)

    with pytest.raises(HubError, match=r"no weights in safetensors: there is pytorch_model\.bin, q4\.gguf"):
        api.require_weights(found, api.weight_map(hub, found))


def test_the_index_is_read_and_checked(server: TestHub, hub: Hub) -> None:
    index = {"weight_map": {"x": "model-1.safetensors"}}
    server.add(NAME, {INDEX: json.dumps(index).encode(), "model-1.safetensors": b"x"})
    server.faults.add(INDEX, "corrupt", at=3)

    assert api.weight_map(hub, resolve(hub), sleep=no_sleep) == index["weight_map"]


@pytest.mark.parametrize("text", [b"{}", b"[]", b"nothing", b'{"weight_map": 3}'])
def test_an_index_that_is_none_is_refused(server: TestHub, hub: Hub, text: bytes) -> None:
    server.add(NAME, {INDEX: text})

    with pytest.raises(IntegrityError, match="weight_map"):
        api.weight_map(hub, resolve(hub), sleep=no_sleep)


def test_a_part_is_read_even_from_a_server_that_sends_the_whole(server: TestHub, hub: Hub) -> None:
    content = Generated(5_000_000)
    server.add(NAME, {"model.safetensors": content})
    found = resolve(hub)
    file = found.file("model.safetensors")
    assert file is not None
    part = content.read(100_000, 200_000)

    assert api.read_range(hub, found, file, 100_000, 200_000) == part
    server.faults.add("model.safetensors", "ignore_range")
    assert api.read_range(hub, found, file, 100_000, 200_000) == part
