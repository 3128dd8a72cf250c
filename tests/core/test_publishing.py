"""What publishing would send and replace, and who may."""

import hashlib

import pytest

from mlxkit.core.errors import HubError, PlanError
from mlxkit.core.fetching import RemoteFile
from mlxkit.core.publishing import Account, LocalFile, demand_same_weights, is_sent, missing, stale

REPO = "alice/model"


def local(path, content=b"it"):
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return LocalFile(path, len(content), hashlib.sha256(content).hexdigest(), blob)


def remote(*files, is_large=True):
    return {
        file.path: RemoteFile(file.path, file.size_bytes, file.sha256 if is_large else None, file.blob_sha1)
        for file in files
    }


@pytest.mark.parametrize("is_large", [True, False])
def test_a_file_is_there_if_its_digest_is(is_large):
    one, other = local("a"), local("a", b"ti")
    assert one.is_in(remote(one, is_large=is_large))
    assert not other.is_in(remote(one, is_large=is_large))
    assert missing([one, local("b")], remote(one, is_large=is_large)) == (local("b"),)


def test_weights_that_would_be_loaded_beside_new_ones_are_stale():
    files = [local("model.safetensors"), local("config.json")]
    there = remote(
        *files, local("model-00001-of-00002.safetensors"), local("notes.txt"), local("model.safetensors.index.json")
    )
    assert stale(files, there) == ("model-00001-of-00002.safetensors", "model.safetensors.index.json")


def test_other_weights_are_not_replaced():
    files = [local("model.safetensors"), local("config.json")]
    demand_same_weights(files, {}, REPO)
    demand_same_weights(files, remote(local("config.json", b"old"), local("model.safetensors")), REPO)
    for others in (local("model.safetensors", b"old"), local("other.safetensors")):
        with pytest.raises(PlanError, match="holds other weights already"):
            demand_same_weights(files, remote(others), REPO)


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (Account("bob", {}, "write"), "no member of 'alice'"),
        (Account("alice", {}, "read"), "may only read"),
        (Account("alice", {}, "fineGrained", frozenset({"alice/other"})), "not made for writing"),
        (Account("bob", {"alice": "read"}, "write"), "may only read in 'alice'"),
    ],
)
def test_who_may_not_is_told(account, said):
    with pytest.raises(HubError, match=said):
        account.demand(REPO)


@pytest.mark.parametrize(
    "account",
    [
        Account("alice", {}, "write"),
        Account("alice", {}, None),
        Account("alice", {}, "fineGrained", frozenset({"alice"})),
        Account("alice", {}, "fineGrained", frozenset({REPO})),
        Account("bob", {"alice": "admin"}, "write"),
        Account("bob", {"alice": None}, "write"),
    ],
)
def test_who_may_is_not_kept_from_it(account):
    account.demand(REPO)


@pytest.mark.parametrize("path", ["config.json", ".eval_results/kl.yaml", "LICENSE", "frontier.svg", ".gitattributes"])
def test_what_belongs_to_it_is_sent(path):
    assert is_sent(path)


@pytest.mark.parametrize(
    "path", [".git/HEAD", ".cache/x", "a/__pycache__/b.pyc", ".DS_Store", "x/.DS_Store", ".ipynb_checkpoints/a.ipynb"]
)
def test_what_tools_leave_is_not_sent(path):
    assert not is_sent(path)
