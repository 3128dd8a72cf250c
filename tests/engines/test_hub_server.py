"""The test Hub, asked by the real huggingface_hub and by plain HTTP: it must be a Hub before tests stand on it."""

import hashlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.hub import Generated, TestHub, serve

SMALL = b'{"model_type": "qwen3"}'
WEIGHTS = Generated(3_000_000, seed=1)
SHA256 = hashlib.sha256(WEIGHTS.read(0, WEIGHTS.size)).hexdigest()
FILES = {"config.json": SMALL, "a folder/é.txt": b"odd name", "model.safetensors": WEIGHTS}

CLIENT = """
import json, sys, time
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
api = HfApi()
def error(call):
    try:
        return call()
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        return [type(error).__name__, status, str(error)]
"""


@pytest.fixture
def hub():
    with serve() as hub:
        yield hub


@pytest.fixture
def ask(hub, tmp_path):
    """Run code with the real client in a process of its own; its `answer` comes back."""

    def run(code: str, token: str | None = None) -> Any:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        home = tempfile.mkdtemp(dir=tmp_path)  # one for each: the client falls back on what it has when it is refused
        own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": home, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        own |= {"HF_TOKEN": token} if token else {}
        code = f"{CLIENT}\n{code}\nprint(json.dumps(answer))"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=kept | own, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Ask by urllib, which follows redirects and knows nothing of the Hub."""
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def url(hub: TestHub, path: str = "model.safetensors") -> str:
    return f"{hub.endpoint}/o/n/resolve/main/{path}"


def test_model_info(hub, ask):
    repo = hub.add("o/n", FILES, tags=["v1"], info={"pipeline_tag": "text-generation"})
    first = repo.head
    second = repo.commit({"README.md": b"# card"}, deleted=["a folder/é.txt"])
    repo.commit({"config.json": b"{}"}, branch="refs/pr/1")
    answer = ask(
        "new, old = api.model_info('o/n', files_metadata=True), api.model_info('o/n', revision='v1')\n"
        "files = {one.rfilename: [one.size, one.lfs and one.lfs.sha256] for one in new.siblings}\n"
        "refs = api.list_repo_refs('o/n', include_pull_requests=True)\n"
        "names = [[ref.ref for ref in group] for group in (refs.branches, refs.tags, refs.pull_requests)]\n"
        "pull = api.model_info('o/n', revision='refs/pr/1').sha\n"
        "only = api.model_info('o/n', expand=['sha'])\n"
        "titles = [commit.title for commit in api.list_repo_commits('o/n')]\n"
        "answer = [new.sha, old.sha, files, new.pipeline_tag, names, pull, [only.sha, only.siblings], titles]"
    )
    files = {"README.md": [6, None], "config.json": [len(SMALL), None], "model.safetensors": [WEIGHTS.size, SHA256]}
    names = [["refs/heads/main"], ["refs/tags/v1"], ["refs/pr/1"]]
    pull, titles = repo.branches["refs/pr/1"], ["Upload files", "initial commit"]
    assert answer == [second, first, files, "text-generation", names, pull, [second, None], titles]


def test_tree_is_paged_and_names_every_content(hub, ask):
    hub.add("o/n", FILES)
    hub.page_entries = 2
    answer = ask(
        "tree = list(api.list_repo_tree('o/n', recursive=True, expand=True))\n"
        "top = [one.path for one in api.list_repo_tree('o/n')]\n"
        "inside = [one.path for one in api.list_repo_tree('o/n', 'a folder')]\n"
        "some = [one.path for one in api.get_paths_info('o/n', ['a folder', 'config.json', 'absent'])]\n"
        "hashes = {one.path: [one.blob_id, one.lfs and one.lfs.sha256] for one in tree if hasattr(one, 'size')}\n"
        "missing = error(lambda: list(api.list_repo_tree('o/n', 'absent')))[0]\n"
        "answer = [hashes, top, inside, some, tree[-1].last_commit.title, missing]"
    )
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize {WEIGHTS.size}\n"
    hashes = {
        "config.json": [hashlib.sha1(b"blob %d\0" % len(SMALL) + SMALL).hexdigest(), None],
        "a folder/é.txt": [hashlib.sha1(b"blob 8\0odd name").hexdigest(), None],
        "model.safetensors": [hashlib.sha1(f"blob {len(pointer)}\0{pointer}".encode()).hexdigest(), SHA256],
    }
    top = ["a folder", "config.json", "model.safetensors"]
    assert answer == [hashes, top, ["a folder/é.txt"], top[:2], "initial commit", "RemoteEntryNotFoundError"]
    assert len([seen for seen in hub.requests if seen.path.endswith("/tree/main")]) == 4


def test_snapshot_is_byte_identical_and_the_token_stays_at_home(hub, ask):
    hub.add("o/n", FILES)
    code = (
        "folder = snapshot_download('o/n')\n"
        "wrong = api.verify_repo_checksums('o/n')\n"
        "answer = [folder, wrong.checked_count, len(wrong.mismatches) + len(wrong.missing_paths)]"
    )
    folder, checked, wrong = ask(code, token="hf_good")
    assert (checked, wrong) == (3, 0)
    assert (Path(folder) / "config.json").read_bytes() == SMALL
    assert (Path(folder) / "a folder" / "é.txt").read_bytes() == b"odd name"
    assert (Path(folder) / "model.safetensors").read_bytes() == WEIGHTS.read(0, WEIGHTS.size)
    assert hub.bytes_sent("o/n/model.safetensors") == WEIGHTS.size
    assert hub.bytes_sent() == WEIGHTS.size + len(SMALL) + 8
    assert len(hub.cdn_requests) == 1
    assert not hub.leaked
    assert any(seen.headers.get("authorization") == "Bearer hf_good" for seen in hub.requests)


def test_a_token_at_the_cdn_is_noticed(hub):
    hub.add("o/n", FILES)
    get(url(hub), Authorization="Bearer hf_good")  # urllib takes the header along
    assert [seen.method for seen in hub.leaked] == ["GET"]


def test_who_may_read(hub, ask):
    hub.add("o/n", FILES, gated=True, readers=["alice"])
    hub.add("alice/secret", FILES, private=True)
    hub.add("open/one", FILES)
    code = (
        "answer = [error(lambda: call() and 'yes') for call in (\n"
        "    lambda: api.model_info('o/n').gated,\n"
        "    lambda: hf_hub_download('o/n', 'config.json'),\n"
        "    lambda: api.auth_check('o/n') is None,\n"
        "    lambda: api.model_info('alice/secret').private,\n"
        "    lambda: hf_hub_download('alice/secret', 'config.json'),\n"
        "    lambda: api.model_info('no/body'),\n"
        "    lambda: api.model_info('open/one'),\n"
        "    lambda: api.whoami()['name'] == 'alice',\n"
        ")]\n"
        "answer = [one if isinstance(one, str) else one[:2] for one in answer]"
    )
    gated, absent = "GatedRepoError", "RepositoryNotFoundError"
    signed_out = ask(code)
    assert signed_out[:4] == ["yes", [gated, 401], [gated, 401], [absent, 401]]
    assert signed_out[4:] == [[absent, 401], [absent, 401], "yes", ["LocalTokenNotFoundError", None]]
    assert ask(code, token="hf_good") == ["yes", "yes", "yes", "yes", "yes", [absent, 404], "yes", "yes"]
    other = ask(code.replace("== 'alice'", "== 'bob'"), token="hf_other")
    assert other == ["yes", [gated, 403], [gated, 403], [absent, 404], [absent, 404], [absent, 404], "yes", "yes"]
    bad = ask(code, token="hf_bad")
    assert bad[6:] == [["HfHubHTTPError", 401]] * 2


def test_what_is_not_there(hub, ask):
    hub.add("o/n", FILES)
    answer = ask(
        "answer = [error(call)[:2] for call in (\n"
        "    lambda: api.model_info('o/n', revision='nope'),\n"
        "    lambda: snapshot_download('o/n', revision='0' * 40),\n"
        "    lambda: hf_hub_download('o/n', 'config.json', revision='nope'),\n"
        "    lambda: hf_hub_download('o/n', 'absent.json'),\n"
        ")] + [api.file_exists('o/n', 'absent.json'), api.file_exists('o/n', 'config.json'), api.repo_exists('no/n')]"
    )
    revision, entry = ["RevisionNotFoundError", 404], ["RemoteEntryNotFoundError", 404]
    assert answer == [revision, revision, revision, entry, False, True, False]


def test_a_renamed_repo_is_followed(hub, ask):
    hub.add("old/name", FILES)
    hub.rename("old/name", "new/name")
    answer = ask(
        "path = hf_hub_download('old/name', 'config.json')\n"
        "weights = hf_hub_download('old/name', 'model.safetensors')\n"
        "tree = [one.path for one in api.list_repo_tree('old/name')]\n"
        "some = [one.path for one in api.get_paths_info('old/name', ['config.json'])]\n"
        "answer = [api.model_info('old/name').id, open(path).read(), tree[1:], some]"
    )
    assert answer == ["new/name", SMALL.decode(), ["config.json", "model.safetensors"], ["config.json"]]


@pytest.mark.parametrize(
    ("path", "whole"),
    [("model.safetensors", WEIGHTS.read(0, WEIGHTS.size)), ("config.json", SMALL)],
    ids=["lfs", "git"],
)
def test_ranges(hub, path, whole):
    hub.add("o/n", FILES)
    status, headers, body = get(url(hub, path))
    assert (status, headers["Accept-Ranges"], body) == (200, "bytes", whole)
    size = len(whole)
    for asked, start, stop in (("5-9", 5, 10), ("7-", 7, size), ("-4", size - 4, size), (f"9-{size + 9}", 9, size)):
        status, headers, body = get(url(hub, path), Range=f"bytes={asked}")
        assert (status, body) == (206, whole[start:stop])
        assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    status, headers, body = get(url(hub, path), Range=f"bytes={size}-")
    assert (status, headers["Content-Range"], body) == (416, f"bytes */{size}", b"")
    assert get(url(hub, path), Range="bytes=5-9", **{"If-Range": '"another"'})[0] == 200


def test_resolve_says_what_the_file_is(hub):
    repo = hub.add("o/n", FILES)
    host, port = hub.endpoint.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    found = {}
    for path in ("model.safetensors", "config.json"):
        connection.request("HEAD", f"/o/n/resolve/main/{path}")
        answer = connection.getresponse()
        answer.read()
        found[path] = answer
    connection.close()
    weights, config = found["model.safetensors"], found["config.json"]
    assert (weights.status, weights.headers["X-Linked-Etag"]) == (302, f'"{SHA256}"')
    assert (weights.headers["X-Linked-Size"], weights.headers["X-Repo-Commit"]) == (str(WEIGHTS.size), repo.head)
    assert weights.headers["Location"].startswith(hub.cdn + "/repos/")
    assert weights.headers["X-Xet-Hash"] is None
    assert config.status == 307
    assert config.headers["Location"].startswith(f"/api/resolve-cache/models/o/n/{repo.head}/config.json?")


def interrupted(hub: TestHub) -> tuple[int, type[Exception] | None]:
    """Read until the end or an error; return how many bytes came, and the error."""
    with urllib.request.urlopen(url(hub), timeout=5) as answer:
        got = 0
        try:
            while piece := answer.read1(1 << 16):
                got += len(piece)
        except (OSError, http.client.HTTPException) as error:
            return got, type(error)
        return got, None if got == int(answer.headers["Content-Length"]) else http.client.IncompleteRead


@pytest.mark.parametrize("at", [0, 1, 999_999, 2_999_999])
@pytest.mark.parametrize(("kind", "error"), [("drop", http.client.IncompleteRead), ("reset", ConnectionResetError)])
def test_a_connection_ends_at_the_byte_and_resumes(hub, kind, error, at):
    hub.add("o/n", FILES)
    fault = hub.faults.add("model.safetensors", kind, at=at)
    assert interrupted(hub) == (at, error)
    assert (fault.fired, hub.bytes_sent("model.safetensors")) == (1, at)
    status, _, body = get(url(hub), Range=f"bytes={at}-")
    assert (status, body) == (206, WEIGHTS.read(at, WEIGHTS.size))
    assert hub.bytes_sent("model.safetensors") == WEIGHTS.size


def test_an_answer_that_never_comes(hub):
    hub.add("o/n", FILES)
    hub.faults.add("model.safetensors", "drop", origin="cdn")
    hub.faults.add("api/models/o/n", "reset")
    with pytest.raises(http.client.RemoteDisconnected):
        get(url(hub))
    with pytest.raises((ConnectionResetError, urllib.error.URLError)):
        get(f"{hub.endpoint}/api/models/o/n")
    assert get(url(hub))[0] == get(f"{hub.endpoint}/api/models/o/n")[0] == 200


def test_a_stall_at_a_byte(hub):
    hub.add("o/n", FILES)
    hub.faults.add("model.safetensors", "stall", at=1_000_000, seconds=0.4)
    hub.faults.add("model.safetensors", "stall", origin="cdn", seconds=0.3)
    begun = time.monotonic()
    assert get(url(hub))[2] == WEIGHTS.read(0, WEIGHTS.size)
    assert 0.7 <= time.monotonic() - begun < 5
    hub.faults.add("model.safetensors", "slow", rate=10_000_000)
    begun = time.monotonic()
    get(url(hub))
    assert time.monotonic() - begun >= 0.3


def test_errors_by_plan(hub):
    hub.add("o/n", FILES)
    hub.faults.add("model.safetensors", "status", status=502, at=2_000_000)
    hub.faults.add("o/n/tree/main", "status", status=429, retry_after=7, times=2)
    assert get(url(hub), Range="bytes=0-99")[0] == 206
    assert [get(url(hub), Range="bytes=1000000-")[0] for _ in range(2)] == [502, 206]
    answers = [get(f"{hub.endpoint}/api/models/o/n/tree/main")[:2] for _ in range(3)]
    assert [(status, headers["Retry-After"]) for status, headers in answers] == [(429, "7"), (429, "7"), (200, None)]


def test_bytes_that_are_not_the_files(hub):
    hub.add("o/n", FILES)
    whole = WEIGHTS.read(0, WEIGHTS.size)
    hub.faults.add("*.safetensors", "corrupt", at=2_500_000)
    body = get(url(hub))[2]
    assert [at for at in range(len(body)) if body[at] != whole[at]] == [2_500_000]
    hub.faults.add("model.safetensors", "truncate", at=2_500_000)
    status, headers, body = get(url(hub), Range="bytes=1000000-")
    assert (status, headers["Content-Length"], body) == (206, "1500000", whole[1_000_000:2_500_000])
    hub.faults.add("model.safetensors", "ignore_range")
    assert get(url(hub), Range="bytes=5-9")[::2] == (200, whole)
    hub.faults.add("config.json", "gzip")
    status, headers, body = get(url(hub, "config.json"), **{"Accept-Encoding": "gzip"})
    assert (headers["Content-Encoding"], headers["Content-Length"]) == ("gzip", None)
    assert get(url(hub), Range="bytes=5-9")[::2] == (206, whole[5:10])


def test_a_signed_url_expires_and_a_new_one_works(hub):
    hub.add("o/n", FILES)
    with urllib.request.urlopen(url(hub), timeout=5) as answer:
        signed = answer.url
    assert get(signed, Range="bytes=0-0")[0] == 206
    hub.faults.add("model.safetensors", "expired")
    assert [get(signed)[0], get(signed)[0], get(url(hub))[0], get(signed[:-1])[0]] == [403, 403, 200, 403]
    hub.url_lifetime_seconds = -1
    assert get(url(hub))[0] == 403


def test_the_client_meets_the_faults_as_it_does_on_the_hub(hub, ask):
    hub.add("o/n", FILES)
    hub.faults.add("model.safetensors", "drop", at=1_000_000)
    hub.faults.add("config.json", "gzip")
    download = "answer = error(lambda: open(hf_hub_download('o/n', 'model.safetensors'), 'rb').read().hex()[:8])\n"
    answer = ask(download + "answer = [answer, open(hf_hub_download('o/n', 'config.json')).read()]")
    assert answer == [WEIGHTS.read(0, 4).hex(), SMALL.decode()]
    again = download.replace("rs')", "rs', force_download=True)")
    hub.faults.add("model.safetensors", "reset", at=1_000_000)
    assert ask(again)[0] == "ReadError"
    hub.faults.add("model.safetensors", "truncate", at=1_000_000)
    assert "Consistency check failed" in ask(again)[2]
    hub.faults.add("model.safetensors", "expired")
    assert ask(again)[:2] == ["HfHubHTTPError", 403]


def test_a_plan_that_cannot_be_is_refused(hub):
    with pytest.raises(ValueError, match="needs `at`"):
        hub.faults.add("model.safetensors", "corrupt")
    with pytest.raises(ValueError, match="no such fault"):
        hub.faults.add("model.safetensors", "flood")
