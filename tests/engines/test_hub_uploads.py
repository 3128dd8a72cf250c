"""The test Hub, published to by the real huggingface_hub: it must be a Hub before tests of publishing stand on it."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
)
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RemoteEntryNotFoundError, RepositoryNotFoundError

from tests.hub import Generated, TestHub
from tests.hub.clients import WARNING, publishing

WEIGHTS = Generated(3_000_000, seed=1)
OTHERS = Generated(3_000_000, seed=2)
CARD = "---\nlicense: mit\nlibrary_name: mlx\n---\n# A model\n"
LARGE = "model-*.safetensors"

pytestmark = pytest.mark.filterwarnings(WARNING)


@pytest.fixture
def api(server: TestHub) -> Iterator[HfApi]:
    """A client that may write as alice."""
    with publishing(server) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with two shards of one size."""
    made = tmp_path / "model"
    (made / "sub").mkdir(parents=True)
    (made / "README.md").write_text(CARD)
    (made / "config.json").write_text('{"model_type": "qwen3"}')
    (made / "sub/é.txt").write_text("odd name")
    (made / "model-1.safetensors").write_bytes(WEIGHTS.read(0, WEIGHTS.size))
    (made / "model-2.safetensors").write_bytes(OTHERS.read(0, OTHERS.size))
    return made


def another(api: HfApi, token: str) -> HfApi:
    return HfApi(endpoint=api.endpoint, token=token)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(status: int, text: str = "") -> Any:
    """Expect the client to be refused."""

    def is_meant(error: HfHubHTTPError) -> bool:
        return error.response.status_code == status and text in str(error)

    return pytest.raises(HfHubHTTPError, check=is_meant)


def add(path: str, data: bytes) -> CommitOperationAdd:
    return CommitOperationAdd(path_in_repo=path, path_or_fileobj=data)


def put(api: HfApi, path: str, data: bytes, repo: str = "alice/m", **words: Any) -> Any:
    return api.create_commit(repo, [add(path, data)], commit_message="change", **words)


@pytest.mark.parametrize("part_bytes", [None, 1 << 20], ids=["whole", "parts"])
def test_what_is_uploaded_comes_back(server, api, folder, tmp_path, part_bytes):
    if part_bytes:
        server.multipart_over_bytes, server.part_bytes = 0, part_bytes
    url = api.create_repo("alice/m", private=True)
    assert (url.repo_id, api.model_info("alice/m").private) == ("alice/m", True)
    made = api.upload_folder(repo_id="alice/m", folder_path=folder, commit_message="All", commit_description="of it")
    sent = files(folder)
    assert server.repos["alice/m"].head == made.oid
    assert made.repo_url.repo_id == "alice/m"

    entries = {entry.path: entry for entry in api.list_repo_tree("alice/m", recursive=True) if hasattr(entry, "size")}
    for path, data in sent.items():
        assert entries[path].size == len(data)
        if path.endswith(".safetensors"):
            assert entries[path].lfs.sha256 == hashlib.sha256(data).hexdigest()
            assert entries[path].lfs.size == len(data)
        else:
            assert entries[path].blob_id == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            assert entries[path].lfs is None
        assert Path(api.hf_hub_download("alice/m", path, cache_dir=tmp_path / "cache")).read_bytes() == data
    assert {*api.list_repo_files("alice/m")} == {".gitattributes", *sent}
    newest = api.list_repo_commits("alice/m")[0]
    assert (newest.title, newest.message) == ("All", "of it")
    assert api.verify_repo_checksums("alice/m", local_dir=folder).mismatches == []

    assert server.bytes_received(LARGE) == WEIGHTS.size + OTHERS.size
    assert server.bytes_received() == sum(map(len, sent.values()))
    assert server.times_sent() == {"alice/m/model-1.safetensors": 1, "alice/m/model-2.safetensors": 1}
    assert not server.leaked


def test_what_is_unchanged_is_not_sent(server, api, folder):
    api.create_repo("alice/m")
    first = api.upload_folder(repo_id="alice/m", folder_path=folder)
    received = server.bytes_received()
    again = api.upload_folder(repo_id="alice/m", folder_path=folder)
    assert (again.oid, server.bytes_received()) == (first.oid, received)

    (folder / "config.json").write_text("{}")
    (folder / "model-1.safetensors").rename(folder / "model-3.safetensors")
    api.upload_folder(repo_id="alice/m", folder_path=folder, delete_patterns="model-1.*")
    assert server.bytes_received() == received + 2  # the moved shard is known by its hash
    assert {*api.list_repo_files("alice/m")} == {".gitattributes", *files(folder)}
    assert server.bytes_received(hashlib.sha256(WEIGHTS.read(0, WEIGHTS.size)).hexdigest()) == WEIGHTS.size


def test_a_commit_without_changes_is_empty(server, api):
    api.create_repo("alice/m")
    before = server.repos["alice/m"].head
    url = f"{server.endpoint}/api/models/alice/m/commit/main"
    line = '{"key": "header", "value": {"summary": "nothing"}}\n'
    answer = httpx2.post(url, content=line, headers={"Authorization": "Bearer hf_good"}).json()
    commits = api.list_repo_commits("alice/m")
    assert [one.commit_id for one in commits[:2]] == [answer["commitOid"], before]
    assert api.list_repo_files("alice/m") == [".gitattributes"]


def test_a_buffer_is_sent_by_lfs_with_xet_at_hand(server, api, monkeypatch):
    api.create_repo("alice/m")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    data = WEIGHTS.read(0, WEIGHTS.size)
    api.upload_file(path_or_fileobj=io.BytesIO(data), path_in_repo="model.safetensors", repo_id="alice/m")
    assert server.bytes_received("model.safetensors") == len(data)
    assert httpx2.get(f"{server.endpoint}/api/models/alice/m/xet-write-token/main").status_code == 404


def test_files_are_ignored_deleted_and_kept_in_lfs_for_being_binary(api):
    api.create_repo("alice/m")
    ignoring = [add(".gitignore", b"*.log\ncache/\n"), add("a.log", b"log"), add("cache/b.txt", b"b")]
    api.create_commit("alice/m", [*ignoring, add("image.png", b"\x89PNG\0\0")], commit_message="some")
    tree = {entry.path: entry for entry in api.list_repo_tree("alice/m")}
    assert {*tree} == {".gitattributes", ".gitignore", "image.png"}
    assert tree["image.png"].lfs is not None
    api.create_commit("alice/m", [CommitOperationDelete("image.png")], commit_message="less")
    assert api.list_repo_files("alice/m") == [".gitattributes", ".gitignore"]
    with pytest.raises(RemoteEntryNotFoundError, match="A file with this name doesn't exist"):
        api.create_commit("alice/m", [CommitOperationDelete("image.png")], commit_message="less")


def test_an_object_that_was_not_uploaded_cannot_be_committed(server, api):
    api.create_repo("alice/m")
    operation = add("model.safetensors", b"weights")
    operation._upload_mode, operation._is_uploaded, operation._should_ignore = "lfs", True, False
    with pytest.raises(BadRequestError, match="pointed to a file that does not exist"):
        api.create_commit("alice/m", [operation], commit_message="dangling")


def test_parent_commits(server, api):
    api.create_repo("alice/m")
    first = put(api, "a.txt", b"1").oid
    second = put(api, "a.txt", b"2", parent_commit=first).oid
    with refusal(412, "A commit has happened since. Please refresh and try again."):
        put(api, "a.txt", b"3", parent_commit=first)
    assert server.repos["alice/m"].head == second


def test_branches(server, api):
    api.create_repo("alice/m")
    first = put(api, "a.txt", b"1").oid
    put(api, "a.txt", b"2")
    api.create_branch("alice/m", branch="side", revision=first)
    with refusal(409):
        api.create_branch("alice/m", branch="side")
    api.create_branch("alice/m", branch="side", exist_ok=True)
    with pytest.raises(BadRequestError):
        api.create_branch("alice/m", branch="refs/pr/1")
    put(api, "b.txt", b"b", revision="side")
    assert api.list_repo_files("alice/m", revision="side") == [".gitattributes", "a.txt", "b.txt"]
    assert api.list_repo_files("alice/m") == [".gitattributes", "a.txt"]
    with pytest.raises(HfHubHTTPError, match="Invalid rev id: nowhere"):
        put(api, "b.txt", b"b", revision="nowhere")


def test_a_pull_request_to_anothers_repo(server, api, folder):
    server.add("bob/m", {"config.json": b"{}"})
    with refusal(403, "pass `create_pr=1` as a query parameter to create a Pull Request"):
        put(api, "a.txt", b"1", repo="bob/m")
    made = api.upload_folder(repo_id="bob/m", folder_path=folder, create_pr=True, commit_message="Weights")
    assert (made.pr_num, made.pr_revision) == (1, "refs/pr/1")
    put(api, "more.txt", b"more", repo="bob/m", revision="refs/pr/1")
    assert "more.txt" in api.list_repo_files("bob/m", revision="refs/pr/1")
    assert api.list_repo_files("bob/m") == ["config.json"]
    assert [one.ref for one in api.list_repo_refs("bob/m", include_pull_requests=True).pull_requests] == ["refs/pr/1"]

    details = api.get_discussion_details("bob/m", 1)
    assert (details.status, details.title, details.git_reference) == ("open", "Weights", "refs/pr/1")
    assert [event.type for event in details.events] == ["comment", "commit", "commit"]
    with refusal(403):
        api.merge_pull_request("bob/m", 1)
    another(api, "hf_other").merge_pull_request("bob/m", 1)
    assert {*api.list_repo_files("bob/m")} == {"more.txt", *files(folder)}
    assert api.get_discussion_details("bob/m", 1).status == "merged"


def test_a_pull_request_opened_by_itself_is_a_draft(server, api):
    server.add("bob/m", {"config.json": b"{}"})
    opened = api.create_pull_request("bob/m", title="To be", description="soon")
    assert (opened.status, opened.num, opened.author) == ("draft", 1, "alice")
    put(api, "a.txt", b"1", repo="bob/m", revision="refs/pr/1")
    assert api.change_discussion_status("bob/m", 1, "open", comment="Now").new_status == "open"
    assert api.comment_discussion("bob/m", 1, "Look").content == "Look"
    assert api.rename_discussion("bob/m", 1, "Is").new_title == "Is"
    api.create_discussion("bob/m", title="Why?")
    assert [(one.num, one.title) for one in api.get_repo_discussions("bob/m")] == [(2, "Why?"), (1, "Is")]
    assert [one.num for one in api.get_repo_discussions("bob/m", discussion_type="pull_request")] == [1]


def test_repos_are_made_once_and_change_their_visibility(server, api):
    api.create_repo("m")
    assert list(server.repos) == ["alice/m"]
    with refusal(409, "You already created this model repo"):
        api.create_repo("alice/m")
    assert api.create_repo("alice/m", exist_ok=True).repo_id == "alice/m"
    api.update_repo_settings("alice/m", private=True, gated="auto")
    assert (server.repos["alice/m"].private, server.repos["alice/m"].gated) == (True, "auto")
    with pytest.raises(RepositoryNotFoundError):
        another(api, "hf_other").model_info("alice/m")
    with pytest.raises(RepositoryNotFoundError):
        put(another(api, "hf_other"), "a.txt", b"1")
    with refusal(403, 'create a model under the namespace "bob"'):
        api.create_repo("bob/m")


def test_a_token_that_reads_changes_nothing(server, api, folder, monkeypatch):
    server.issue("hf_reader", "alice", role="read")
    server.add("alice/m", {"config.json": b"{}"}, private=True)
    reader = another(api, "hf_reader")
    assert reader.whoami()["auth"]["accessToken"]["role"] == "read"
    assert reader.list_repo_files("alice/m") == ["config.json"]
    with refusal(403, 'create a model under the namespace "alice"'):
        reader.create_repo("alice/new")
    with monkeypatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", server.endpoint)  # here the client reads URLs by this one alone
        assert reader.create_repo("alice/m", exist_ok=True).repo_id == "alice/m"  # it is no test of rights
    for words in ({}, {"create_pr": True}):
        with refusal(403, "you must use a write token to upload to a repository"):
            reader.upload_folder(repo_id="alice/m", folder_path=folder, **words)
    with refusal(403):
        reader.create_collection("Mine")
    assert server.bytes_received() == 0


def test_an_expired_token(server, api):
    server.issue("hf_old", "alice", expired=True, label="laptop")
    server.add("alice/m", {"config.json": b"{}"})
    old = another(api, "hf_old")
    with refusal(401, "Invalid user token"):  # the client's own words
        old.whoami()
    for call in (lambda: old.create_repo("alice/new"), lambda: old.model_info("alice/m"), lambda: put(old, "a", b"1")):
        with refusal(401, 'User Access Token "laptop" is expired'):
            call()


def test_a_fine_grained_token_may_what_is_listed(server, api):
    scoped = {"alice/m": ["repo.content.read", "repo.write"], "acme": ["discussion.write"]}
    server.orgs["acme"] = {"alice": "write"}
    server.issue("hf_fine", "alice", role="fineGrained", scoped=scoped, reads_gated=False)
    for name in ("alice/m", "alice/hidden", "acme/m"):
        server.add(name, {"config.json": b"{}"}, private=name == "alice/hidden")
    fine = another(api, "hf_fine")
    token = fine.whoami()["auth"]["accessToken"]
    assert token["role"] == "fineGrained"
    assert token["fineGrained"]["canReadGatedRepos"] is False
    entities = [(one["entity"]["type"], one["entity"]["name"]) for one in token["fineGrained"]["scoped"]]
    assert entities == [("model", "alice/m"), ("org", "acme")]
    put(fine, "a.txt", b"1")
    assert put(fine, "a.txt", b"1", repo="acme/m", create_pr=True).pr_num == 1
    with refusal(403, "create_pr=1"):
        put(fine, "a.txt", b"1", repo="acme/m")
    with pytest.raises(RepositoryNotFoundError):
        fine.model_info("alice/hidden")
    with refusal(403):
        fine.create_repo("alice/new")


@pytest.mark.parametrize(
    ("role", "may_create", "may_write"),
    [("admin", True, True), ("write", True, True), ("contributor", True, False), ("read", False, False)],
)
def test_roles_in_an_organization(server, api, role, may_create, may_write):
    server.orgs["acme"] = {"alice": role}
    server.add("acme/old", {"config.json": b"{}"}, private=True)
    assert [(one["name"], one["roleInOrg"]) for one in api.whoami()["orgs"]] == [("acme", role)]
    assert api.list_repo_files("acme/old") == ["config.json"]
    if may_create:
        api.create_repo("acme/new")
        put(api, "a.txt", b"1", repo="acme/new")
    else:
        with refusal(403):
            api.create_repo("acme/new")
    if may_write:
        put(api, "a.txt", b"1", repo="acme/old")
    else:
        with refusal(403):
            put(api, "a.txt", b"1", repo="acme/old")


def test_collections(server, api):
    server.add("alice/m", {"config.json": b"{}"})
    made = api.create_collection("All of m", description="Every size", private=True)
    assert made.slug.startswith("alice/all-of-m-")
    assert api.create_collection("All of m", exists_ok=True).slug == made.slug
    with refusal(409):
        api.create_collection("All of m")
    filled = api.add_collection_item(made.slug, "alice/m", "model", note="the first")
    assert [(item.item_id, item.note) for item in filled.items] == [("alice/m", "the first")]
    with refusal(409):
        api.add_collection_item(made.slug, "alice/m", "model")
    assert len(api.add_collection_item(made.slug, "alice/m", "model", exists_ok=True).items) == 1
    with refusal(404):
        api.add_collection_item(made.slug, "alice/absent", "model")
    assert [one.slug for one in api.list_collections(owner="alice")] == [made.slug]
    stranger = another(api, "hf_other")
    assert list(stranger.list_collections(owner="alice")) == []
    with refusal(404):
        stranger.get_collection(made.slug)
    with refusal(403):
        stranger.create_collection("Theirs", namespace="alice")
