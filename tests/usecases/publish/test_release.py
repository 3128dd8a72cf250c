"""A whole build, published: what keeps to its gates, and nothing else."""

import hashlib
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from mlxkit.core.errors import GateError, IntegrityError, NotFoundError
from mlxkit.core.releases import FILE_NAME, Done, Entry, Lock
from mlxkit.usecases.publish import ReleasePlan, is_build, release
from tests.hub.clients import WARNING
from tests.usecases.publish.conftest import CARD
from tests.usecases.publish.test_verb import there

pytestmark = pytest.mark.filterwarnings(WARNING)
OLD_CARD = b"---\nlicense: mit\n---\nby your-name\n"


def entry(*, is_publishable: bool = True) -> Entry:
    written = {"README.md": hashlib.sha256(OLD_CARD).hexdigest()}
    return Entry({"dressed": Done("key", {"files": written})}, (), is_publishable)


@pytest.fixture
def build(folder: Path, tmp_path: Path) -> Path:
    """Two variants that may go, and one that may not."""
    home = tmp_path / "build"
    for name in ("m-4bit", "m-8bit"):
        copytree(folder, home / name)
        (home / name / "README.md").write_bytes(OLD_CARD)
    lock = Lock(
        "m",
        variants={"m-4bit": entry(), "m-2bit": entry(is_publishable=False), "m-8bit": entry()},
        publish={"collection": "All of m"},
    )
    (home / FILE_NAME).write_text(lock.text())
    return home


def released(hub, build, **wishes: Any):
    engines = {"confirm": lambda _question: True, "sleep": lambda _seconds: None}
    return release(
        ReleasePlan(build, **wishes),
        check=lambda _repo: lambda _folder: (),
        dress=lambda _folder, repo: {"README.md": CARD + repo.encode()},
        hub=hub,
        **engines,
    )


def test_what_keeps_to_its_gates_is_published_and_the_rest_is_told(hub, server, build):
    result = released(hub, build)
    assert sorted(server.repos) == ["alice/m-4bit", "alice/m-8bit"]
    assert result.held == ("m-2bit",)
    assert "m-2bit is held back" in str(result.report())
    (collection,) = server.collections.values()
    assert (collection.title, [item.id for item in collection.items]) == ("All of m", ["alice/m-4bit", "alice/m-8bit"])


def test_a_card_that_nobody_changed_names_the_true_repo_and_another_stays(hub, server, build):
    (build / "m-8bit" / "README.md").write_bytes(CARD + b"mine")
    released(hub, build)
    assert there(server, "alice/m-4bit")["README.md"].endswith(b"alice/m-4bit")
    assert there(server, "alice/m-8bit")["README.md"].endswith(b"mine")
    assert (build / "m-4bit" / "README.md").read_bytes() == OLD_CARD


def test_an_owner_goes_before_what_the_recipe_says(hub, server, build):
    server.orgs["acme"] = {"alice": "write"}
    result = released(hub, build, owner="acme", is_public=True)
    assert [one.plan.repo for one in result.results] == ["acme/m-4bit", "acme/m-8bit"]
    assert not server.repos["acme/m-4bit"].private


def test_a_dry_run_changes_nothing(hub, server, build):
    result = released(hub, build, dry_run=True)
    assert server.repos == {}
    assert [one["stage"] for one in result.data()["variants"]] == ["planned", "planned"]


def test_nothing_to_publish_is_a_failed_gate(hub, server, build):
    (build / FILE_NAME).write_text(Lock("m", variants={"m-2bit": entry(is_publishable=False)}).text())
    result = released(hub, build)
    assert isinstance(result.failure, GateError)
    assert server.requests == []


def test_what_is_no_build_is_told(hub, build, tmp_path):
    assert is_build(build)
    assert not is_build(build / "m-4bit")
    with pytest.raises(NotFoundError, match="is no build"):
        released(hub, tmp_path)
    (build / FILE_NAME).write_text("{")
    with pytest.raises(IntegrityError):
        released(hub, build)
