"""Publishing over a network and a Hub that fail: what is told as done is done, and nothing is sent in vain."""

import pytest

from mlxkit.core.errors import HubError, IntegrityError
from tests.hub.clients import WARNING
from tests.usecases.publish.conftest import CARD, REPO
from tests.usecases.publish.test_verb import here, there

pytestmark = pytest.mark.filterwarnings(WARNING)

STEPS = ["api/repos/create", f"api/models/{REPO}/preupload/main", "info/lfs/objects/batch", "commit/main"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_that_passes_is_waited_for(server, send, folder, step, status):
    server.faults.add(step, "status", method="POST", status=status, times=1, retry_after=0)
    send()
    assert there(server) == {**here(folder), "README.md": CARD}


# The library itself tries the other two for half a minute.
@pytest.mark.parametrize("step", [STEPS[0], STEPS[3]])
def test_a_refusal_that_stays_is_told_and_the_same_command_completes_it(server, send, folder, step):
    server.faults.add(step, "status", method="POST", status=500, times=100)
    with pytest.raises(HubError) as caught:
        send()
    assert caught.value.exit_status == 3
    assert "again" in caught.value.hint
    server.faults.clear()
    send()
    assert there(server) == {**here(folder), "README.md": CARD}
    assert max(server.times_sent("*.safetensors").values()) == 1


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_connection_that_breaks_within_a_file_sends_that_file_again(server, send, folder, kind):
    server.faults.add("model-00002*", kind, method="PUT", at=20_000, times=1)
    send()
    assert there(server) == {**here(folder), "README.md": CARD}
    sent = sorted(server.times_sent("*.safetensors").values())
    assert sent[-1] <= 2
    assert sum(sent) <= len(sent) + 1


def test_a_lost_answer_to_the_commit_is_looked_for(server, send):
    server.add(REPO, {"README.md": b"old"})
    before = len(server.repos[REPO].commits)
    server.faults.add("commit/main", "drop", method="POST", times=1)
    result = send()
    assert result.sent.commit == server.repos[REPO].head
    assert len(server.repos[REPO].commits) == before + 1


def test_a_lost_answer_to_a_pull_request_opens_no_second_one(server, send):
    server.add("bob/model", {"README.md": b"old"})
    server.faults.add("commit/main", "drop", method="POST", times=1)
    result = send("bob/model", wishes={"is_pr": True})
    assert len(server.repos["bob/model"].discussions) == 1
    assert result.sent.pr_url is not None


def test_what_arrives_changed_is_not_called_published(server, send):
    server.faults.add("model-00001*", "corrupt", method="PUT", at=5_000, times=100)
    with pytest.raises((HubError, IntegrityError)):
        send()
    assert not [path for path in there(server) if path.endswith(".safetensors")]


def test_a_repo_that_changes_meanwhile_is_told(server, send):
    server.faults.add("commit/main", "status", method="POST", status=412, times=1)
    with pytest.raises(HubError, match="changed by someone else"):
        send()
