"""A Hub for tests: real HTTP on the loopback, spoken to by the real huggingface_hub through HF_ENDPOINT.

with serve() as hub:
    repo = hub.add("owner/name", {"config.json": b"{}", "model.safetensors": Generated(200_000_000)})
    hub.faults.add("model.safetensors", "drop", at=1_000_000, times=2)
    ...  # a client with HF_ENDPOINT=hub.endpoint
    assert hub.bytes_sent("model.safetensors") < 210_000_000

It can be published to as well, by tokens and roles that a test makes:

    hub.orgs["acme"] = {"alice": "write"}
    hub.issue("hf_reader", "alice", role="read")
    hub.faults.add("model.safetensors", "drop", at=1_000_000, method="PUT")
    ...  # a client with HF_HUB_DISABLE_XET=1: of the ways to send large files, only LFS is spoken
    assert max(hub.times_sent().values()) <= 2

It listens for whoever asks, on a port of the loopback; it holds no secret but made-up tokens (`hub.tokens`).
"""

from tests.hub.faults import Fault, Faults
from tests.hub.repos import Generated, Repo
from tests.hub.server import serve
from tests.hub.state import Seen, TestHub

__all__ = ["Fault", "Faults", "Generated", "Repo", "Seen", "TestHub", "serve"]
