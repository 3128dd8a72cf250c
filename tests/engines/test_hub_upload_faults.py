"""What goes wrong while the real huggingface_hub publishes to the test Hub, as planned and counted."""

import hashlib
from collections.abc import Iterator

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from tests.hub import Generated, TestHub
from tests.hub.clients import WARNING, publishing

WEIGHTS, OTHERS = Generated(3_000_000, seed=1), Generated(3_000_000, seed=2)
SHA256 = hashlib.sha256(WEIGHTS.read(0, WEIGHTS.size)).hexdigest()
ONCE = {"alice/m/1.safetensors": 1, "alice/m/2.safetensors": 1}
STEPS = {
    "preupload": ("api/models/alice/m/preupload/main", "POST"),
    "batch": ("info/lfs/objects/batch", "POST"),
    "put": ("1.safetensors", "PUT"),
    "verify": ("info/lfs/objects/verify", "POST"),
    "commit": ("api/models/alice/m/commit/main", "POST"),
}

pytestmark = pytest.mark.filterwarnings(WARNING)


@pytest.fixture
def api(server: TestHub) -> Iterator[HfApi]:
    """A client that may write as alice, who has a repo."""
    with publishing(server) as client:
        client.create_repo("alice/m")
        yield client


def upload(api: HfApi) -> str:
    """Upload two shards of one size; return the commit."""
    shards = {"1.safetensors": WEIGHTS, "2.safetensors": OTHERS}
    operations = [CommitOperationAdd(path, shard.read(0, shard.size)) for path, shard in shards.items()]
    return str(api.create_commit("alice/m", operations, commit_message="shards", num_threads=1).oid)


def uploaded(api: HfApi) -> list[str]:
    return [name for name in api.list_repo_files("alice/m") if name != ".gitattributes"]


@pytest.mark.parametrize(("step", "status"), [("preupload", 500), ("batch", 502), ("put", 503), ("verify", 429)])
def test_an_error_is_tried_again(server, api, step, status):
    path, method = STEPS[step]
    fault = server.faults.add(path, "status", method=method, status=status, retry_after=0 if status == 429 else None)
    upload(api)
    assert fault.fired == 1
    assert uploaded(api) == ["1.safetensors", "2.safetensors"]
    assert server.times_sent() == (ONCE | {"alice/m/1.safetensors": 2} if step == "put" else ONCE)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_of_a_commit_or_of_making_a_repo_is_told(server, api, status):
    server.faults.add("api/models/alice/m/commit/main", "status", method="POST", status=status, retry_after=7)
    server.faults.add("api/repos/create", "status", method="POST", status=status)
    with pytest.raises(HfHubHTTPError) as told:
        upload(api)
    assert (told.value.response.status_code, told.value.response.headers["Retry-After"]) == (status, "7")
    with pytest.raises(HfHubHTTPError):
        api.create_repo("alice/new")
    assert uploaded(api) == []
    upload(api)
    assert server.times_sent() == ONCE  # the objects had been verified: they are not sent again


@pytest.mark.parametrize("kind", ["drop", "reset"])
@pytest.mark.parametrize("part_bytes", [None, 1 << 20], ids=["whole", "parts"])
def test_a_body_that_breaks_off_is_sent_again(server, api, kind, part_bytes):
    if part_bytes:
        server.multipart_over_bytes, server.part_bytes = 0, part_bytes
    fault = server.faults.add("2.safetensors", kind, at=2_000_000, method="PUT")
    upload(api)
    assert fault.fired == 1
    assert server.times_sent() == ONCE | {"alice/m/2.safetensors": 2}
    again = 2_000_000 - (part_bytes or 0)  # of parts, only the broken one
    assert server.bytes_received("1.safetensors") == WEIGHTS.size
    assert server.bytes_received("2.safetensors") == OTHERS.size + again
    tree = {entry.path: entry.lfs for entry in api.list_repo_tree("alice/m")}
    assert tree["1.safetensors"].sha256 == SHA256


@pytest.mark.parametrize("step", ["create", "preupload", "batch", "verify", "commit"])
def test_a_request_that_breaks_off_is_not_obeyed(server, api, step):
    path, method = STEPS.get(step, ("api/repos/create", "POST"))
    fault = server.faults.add(path, "reset", at=5, method=method, times=1)
    call = (lambda: api.create_repo("alice/new")) if step == "create" else (lambda: upload(api))
    if step in ("create", "commit"):  # these the client does not repeat
        with pytest.raises(httpx2.TransportError):
            call()
        assert uploaded(api) == []
        assert "alice/new" not in server.repos
    call()
    assert fault.fired == 1
    assert server.times_sent() == ({} if step == "create" else ONCE)


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_lost_answer_to_a_commit_that_landed(server, api, kind):
    server.faults.add("api/models/alice/m/commit/main", kind, method="POST")
    before = server.repos["alice/m"].head
    with pytest.raises(httpx2.TransportError):
        upload(api)
    landed = server.repos["alice/m"].head
    assert landed != before
    assert uploaded(api) == ["1.safetensors", "2.safetensors"]
    assert upload(api) == landed  # nothing is left to be changed
    assert server.times_sent() == ONCE


def test_a_lost_answer_to_an_object_that_arrived(server, api):
    server.faults.add("1.safetensors", "drop", method="PUT")
    upload(api)
    assert server.times_sent() == ONCE | {"alice/m/1.safetensors": 2}
    assert server.bytes_received() == 3 * WEIGHTS.size


@pytest.mark.parametrize("step", [*STEPS])
def test_a_stall_is_waited_for(server, api, step):
    path, method = STEPS[step]
    faults = [server.faults.add(path, "stall", seconds=0.1, method=method, at=at) for at in (None, 10)]
    upload(api)
    assert [fault.fired for fault in faults] == [1, 1]
    assert server.times_sent() == ONCE


@pytest.mark.parametrize("part_bytes", [None, 1 << 20], ids=["whole", "parts"])
def test_wrong_content_is_not_taken(server, api, part_bytes):
    if part_bytes:
        server.multipart_over_bytes, server.part_bytes = 0, part_bytes
    server.faults.add(SHA256, "corrupt", at=1_500_000, method="PUT")
    with pytest.raises(RuntimeError, match=r"Error while uploading '1\.safetensors'") as failed:
        upload(api)
    assert "does not match its hash and size" in str(failed.value.__cause__)
    assert uploaded(api) == []
    upload(api)
    assert server.times_sent()["alice/m/1.safetensors"] == 2


def test_a_url_that_has_expired(server, api):
    server.faults.add("1.safetensors", "expired", method="PUT")
    with pytest.raises(RuntimeError, match=r"1\.safetensors") as failed:
        upload(api)
    assert isinstance(failed.value.__cause__, HfHubHTTPError)
    assert failed.value.__cause__.response.status_code == 403
    upload(api)
    assert uploaded(api) == ["1.safetensors", "2.safetensors"]


def test_parts_must_all_have_arrived(server, api):
    server.multipart_over_bytes, server.part_bytes = 0, 1 << 20
    headers = {"Authorization": "Bearer hf_good"}
    objects = [{"oid": SHA256, "size": WEIGHTS.size}]
    url = f"{server.endpoint}/alice/m.git/info/lfs/objects"
    answer = httpx2.post(f"{url}/batch", json={"objects": objects, "ref": {"name": "main"}}, headers=headers).json()
    sending = answer["objects"][0]["actions"]["upload"]
    assert (answer["transfer"], [*sending["header"]]) == ("multipart", ["chunk_size", "1", "2", "3"])
    etag = httpx2.put(sending["header"]["1"], content=WEIGHTS.read(0, 1 << 20)).headers["ETag"]
    parts = {"oid": SHA256, "parts": [{"partNumber": 1, "etag": etag}]}
    assert httpx2.post(sending["href"], json=parts).status_code == 400
    assert httpx2.post(f"{url}/verify", json=objects[0], headers=headers).status_code == 404
