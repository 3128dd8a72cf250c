"""A folder into a repo, with the real client and a real server."""

import json
import os
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import pytest
from huggingface_hub import constants

from mlxkit.core.codes import CODES
from mlxkit.core.errors import DoesNotFitError, GateError, HubError, MlxkitError, NotFoundError, PlanError, StoppedError
from mlxkit.core.findings import finding
from mlxkit.core.record import FILE_NAME
from mlxkit.engines import ledger
from mlxkit.usecases.publish import PublishPlan
from mlxkit.usecases.publish.recording import written_down
from tests.hub import TestHub
from tests.hub.clients import WARNING
from tests.usecases.publish.conftest import CARD, REPO

pytestmark = pytest.mark.filterwarnings(WARNING)


def there(server: TestHub, repo: str = REPO, revision: str = "main") -> dict[str, bytes]:
    commit = server.repos[repo].at(revision)
    return {path: b"".join(blob.pieces()) for path, blob in commit.files.items() if path != ".gitattributes"}


def here(folder) -> dict[str, bytes]:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    record = json.loads(files[FILE_NAME])
    if record.pop("published", None) is not None:
        files[FILE_NAME] = (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
    return files


def test_a_folder_becomes_a_private_repo(server, send, folder):
    before = here(folder)
    result = send()
    assert there(server) == {**before, "README.md": CARD}
    assert here(folder) == before
    repo = server.repos[REPO]
    assert repo.private
    assert (result.stage, result.sent.commit, result.user) == ("published", repo.head, "alice")
    (entry,) = json.loads((folder / FILE_NAME).read_text())["published"]
    assert entry == {"repo": REPO, "commit": repo.head, "url": result.sent.url}


def test_the_ledger_tells_where_it_went(send):
    kept = []
    result = send(record=kept.extend)
    (found,) = kept
    assert found.kind == "publication"
    assert found.summary["commit"] == result.sent.commit
    assert (found.subject.repo, found.subject.commit) == (REPO, result.sent.commit)
    assert found.raw["files"].keys() == {file.path for file in result.what.files}


def test_without_xet_on_the_server_large_files_go_by_lfs(server, send, folder, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    send()
    assert there(server) == {**here(folder), "README.md": CARD}
    assert set(server.times_sent("*.safetensors").values()) == {1}


def test_again_nothing_is_sent(server, send):
    first = send()
    sent = server.bytes_received("*")
    asked = []
    again = send(confirm=asked.append)
    assert (again.sent.commit, again.to_send, asked) == (first.sent.commit, (), [])
    assert server.bytes_received("*") == sent


def test_only_what_changed_is_sent(server, send, folder):
    send()
    (folder / "LICENSE").write_text("MIT")
    result = send()
    assert [file.path for file in result.to_send] == ["LICENSE"]
    assert there(server)["LICENSE"] == b"MIT"
    assert set(server.times_sent("*.safetensors").values()) == {1}


def test_public_is_last(server, send):
    result = send(wishes={"is_public": True})
    assert not server.repos[REPO].private
    assert not result.data()["is_private"]


def test_a_dry_run_changes_nothing(server, send, folder):
    before = here(folder)
    result = send(wishes={"dry_run": True}, confirm=None)
    assert server.repos == {}
    assert here(folder) == before
    assert result.card == CARD.decode()
    assert result.data()["stage"] == "planned"
    assert "written from the ledger" in str(result.report())


def test_the_folders_own_card_is_kept(server, send, folder):
    (folder / "README.md").write_text("---\nlicense: mit\n---\nmine\n")
    assert send().card is None
    assert there(server)["README.md"].endswith(b"mine\n")


def test_errors_of_the_check_keep_it_from_the_hub(server, send):
    code = next(code for code, kind in CODES.items() if kind.severity == "error")
    found = finding(CODES, code, "model.safetensors", "It is wrong.")
    result = send(check=lambda _folder: (found,))
    assert isinstance(result.failure, GateError)
    assert server.requests == []
    assert "It is wrong." in str(result.report())


def test_warnings_are_told_and_do_not(server, send):
    code = next(code for code, kind in CODES.items() if kind.severity == "warning")
    found = finding(CODES, code, "config.json", "It is odd.")
    result = send(check=lambda _folder: (found,))
    assert result.failure is None
    assert "It is odd." in str(result.report())
    assert REPO in server.repos


def test_other_weights_are_not_replaced_without_force(server, send):
    server.add(REPO, {"model.safetensors": b"others", "README.md": b"old"})
    with pytest.raises(PlanError, match="holds other weights already"):
        send()
    assert there(server)["model.safetensors"] == b"others"
    result = send(wishes={"force": True})
    assert result.stale == ("model.safetensors",)
    assert "model.safetensors" not in there(server)


def test_a_pull_request_leaves_the_repo_as_it_is(server, send, folder):
    server.add("bob/model", {"model.safetensors": b"others"})
    result = send("bob/model", wishes={"is_pr": True})
    assert there(server, "bob/model") == {"model.safetensors": b"others"}
    proposed = there(server, "bob/model", "refs/pr/1")
    assert proposed == {**here(folder), "README.md": CARD}
    assert "/discussions/1" in result.sent.pr_url
    again = send("bob/model", wishes={"is_pr": True})
    assert again.sent.commit == result.sent.commit
    assert len(server.repos["bob/model"].discussions) == 1


def test_a_branch_is_made(server, send, folder):
    server.add(REPO, {"README.md": b"old"})
    send(wishes={"revision": "v2"})
    assert there(server, revision="v2") == {**here(folder), "README.md": CARD}
    assert there(server) == {"README.md": b"old"}


def test_a_collection_holds_it(server, send):
    result = send(wishes={"collection": "My models"})
    again = send("alice/second", wishes={"collection": "My models"})
    assert again.collection == result.collection
    (collection,) = server.collections.values()
    assert [item.id for item in collection.items] == [REPO, "alice/second"]


def test_nobody_to_ask_or_a_no_publishes_nothing(server, send):
    with pytest.raises(PlanError, match="nobody is here to be asked"):
        send(confirm=None)
    with pytest.raises(StoppedError):
        send(confirm=lambda _question: False)
    assert server.repos == {}


@pytest.mark.parametrize(
    ("token", "repo", "said"),
    [
        ("hf_old", REPO, "does not accept this token"),
        ("hf_read", REPO, "may only read"),
        ("hf_fine", REPO, "not made for writing"),
        ("hf_good", "bob/model", "no member of 'bob'"),
        ("hf_good", "acme/model", "may only read in 'acme'"),
    ],
)
def test_who_may_not_is_told_before_anything_is_sent(server, send, monkeypatch, token, repo, said):
    server.issue("hf_old", "alice", expired=True)
    server.issue("hf_read", "alice", role="read")
    server.issue("hf_fine", "alice", role="fineGrained", scoped={"alice/other": ["repo.write"]})
    server.orgs["acme"] = {"alice": "read"}
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match=said) as caught:
        send(repo)
    assert caught.value.exit_status == 3
    assert server.repos == {}


def test_a_fine_grained_token_that_may_is_taken(server, send, monkeypatch):
    scoped = {"alice": ["repo.content.read", "repo.write"]}
    server.issue("hf_fine", "alice", role="fineGrained", scoped=scoped)
    monkeypatch.setenv("HF_TOKEN", "hf_fine")
    assert send().stage == "published"


def test_nobody_signed_in_is_told(send, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="token"):
        send()


def test_offline_is_told(send, hub):
    with pytest.raises(HubError, match="Offline"):
        send(hub=replace(hub, is_offline=True))


def test_no_folder_is_told(send, tmp_path):
    with pytest.raises(NotFoundError):
        send(folder=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"repo": "model"}, PlanError),
        ({"repo": "alice/model@main"}, PlanError),
        ({"repo": "a b/c"}, NotFoundError),
        ({"repo": REPO, "is_pr": True, "revision": "v2"}, PlanError),
        ({"repo": REPO, "is_pr": True, "is_public": True}, PlanError),
        ({"repo": REPO, "message": " "}, PlanError),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(tmp_path, wishes, error):
    with pytest.raises(error):
        PublishPlan(tmp_path, **wishes)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_record_that_cannot_be_written_is_a_note(send, folder):
    folder.chmod(0o555)
    assert any("cannot be written" in note for note in send().notes)


def test_a_full_disk_is_told_after_it_is_published(send, folder, monkeypatch):
    result = send()

    def fail(_path, _content):
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(DoesNotFitError, match="It is published as"):
        written_down(folder, result)


def test_weights_that_are_not_ours_are_published_too(server, send, folder):
    (folder / FILE_NAME).unlink()
    assert any("does not tell where it went" in note for note in send().notes)
    assert "config.json" in there(server)


def test_the_default_ledger_takes_it(send):
    send()
    assert ledger.find(kind="publication")


def test_no_error_is_a_traceback(send, server):
    server.faults.add("commit/main", "status", method="POST", status=500, times=99)
    with pytest.raises(MlxkitError):
        send()
