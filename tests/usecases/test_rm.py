"""Removing: what is said to be freed is freed, and nothing goes without a yes."""

import threading
import time
from pathlib import Path

import pytest

from mlxkit.core.errors import NotFoundError, PlanError, StoppedError
from mlxkit.core.located import Terms
from mlxkit.engines.hub import Hub, cache
from mlxkit.usecases.fetch import FetchPlan, fetch
from mlxkit.usecases.rm import RmPlan, remove
from mlxkit.usecases.show import ShowPlan, show_model
from tests.fakes.fetching import NAME, repo
from tests.hub import Generated, TestHub

SIZE = 500_000


def yes(_question: str) -> bool:
    return True


def content_bytes(hub: Hub) -> int:
    """What the contents of the cache take on the disk; links and lists not counted."""
    return sum(path.stat().st_size for path in hub.cache.rglob("blobs/*") if path.is_file() and not path.is_symlink())


@pytest.fixture
def two(server: TestHub, hub: Hub) -> tuple[str, str]:
    """Two revisions of a model in the cache, which share their weights, and a model beside it."""
    held = server.add(NAME, repo(SIZE), tags=["v1"])
    server.add("other/model", {**repo(SIZE), "model.safetensors": Generated(SIZE, seed=1)})
    fetch(FetchPlan(f"{NAME}@v1"), hub=hub)
    newer = held.commit({"README.md": b"newer and longer than before\n"})
    fetch(FetchPlan(NAME), hub=hub)
    fetch(FetchPlan("other/model"), hub=hub)
    return held.tags["v1"], newer


def test_a_dry_run_says_what_it_frees_and_touches_nothing(hub: Hub, two: tuple[str, str]) -> None:
    before = sorted(hub.cache.rglob("*"))

    result = remove(RmPlan(NAME, dry_run=True), hub=hub)

    assert {entry["commit"] for entry in result.data()["revisions"]} == set(two)
    assert result.data()["freed_bytes"] > SIZE
    assert sorted(hub.cache.rglob("*")) == before
    assert len(result.report().tables[0].rows) == 2


@pytest.mark.parametrize("named", ["repo", "revision", "commit", "short"])
def test_removing_frees_what_it_says(hub: Hub, two: tuple[str, str], named: str) -> None:
    names = {"repo": NAME, "revision": f"{NAME}@v1", "commit": two[1], "short": f"{NAME}@{two[0][:7]}"}
    before = content_bytes(hub)
    said = remove(RmPlan(names[named], dry_run=True), hub=hub).data()["freed_bytes"]

    done = remove(RmPlan(names[named]), hub=hub, confirm=yes)

    assert done.data()["freed_bytes"] == said == before - content_bytes(hub)
    left = {commit for commit in two if cache.find(hub, NAME, commit)}
    assert left == {"repo": set(), "revision": {two[1]}, "commit": {two[0]}, "short": {two[1]}}[named]
    assert cache.find(hub, "other/model")


def test_nothing_goes_without_a_yes(hub: Hub, two: tuple[str, str]) -> None:
    questions: list[str] = []

    def no(question: str) -> bool:
        questions.append(question)
        return False

    with pytest.raises(StoppedError, match="Nothing was removed"):
        remove(RmPlan(NAME), hub=hub, confirm=no)
    with pytest.raises(PlanError) as caught:
        remove(RmPlan(NAME), hub=hub)

    assert questions == [f"Remove {NAME} (2 revisions), which frees 0.5 MB?"]
    assert caught.value.hint == f"mlxkit rm {NAME} --yes"
    assert cache.find(hub, NAME)


def test_what_interrupted_fetches_left_is_swept(hub: Hub, two: tuple[str, str]) -> None:
    blobs = [path.parents[1] / "blobs" for path in hub.cache.glob("models--*/snapshots/*")]
    left = {blobs[0].parent.name: blobs[0] / f"{'a' * 64}.mlxkit.incomplete", "b": blobs[-1] / "b.1234abcd.incomplete"}
    for path in left.values():
        path.write_bytes(b"12345")
    room = blobs[0].parent.name.removeprefix("models--").replace("--", "/")

    of_one = remove(RmPlan(room, incomplete=True), hub=hub, confirm=yes)
    of_all = remove(RmPlan(None, incomplete=True), hub=hub, confirm=yes)
    again = remove(RmPlan(None, incomplete=True), hub=hub)

    assert of_one.data()["freed_bytes"] in (5, 10)
    assert of_one.data()["freed_bytes"] + of_all.data()["freed_bytes"] == 10
    assert again.data()["leftovers"] == []
    assert not any(path.exists() for path in left.values())
    assert cache.find(hub, NAME)
    assert cache.find(hub, "other/model")


def test_what_another_process_is_fetching_stays(server: TestHub, hub: Hub, two: tuple[str, str]) -> None:
    held = server.repos[NAME]
    held.commit({"model.safetensors": Generated(3_000_000, seed=5)})
    server.faults.add("model.safetensors", "slow", rate=1_500_000)
    fetching = threading.Thread(target=lambda: fetch(FetchPlan(NAME, Terms(refresh=True)), hub=hub))
    fetching.start()
    while not list(hub.cache.rglob("*.incomplete")):
        time.sleep(0.01)

    swept = remove(RmPlan(None, incomplete=True), hub=hub, confirm=yes)
    with pytest.raises(PlanError, match="being fetched right now"):
        remove(RmPlan(NAME), hub=hub, confirm=yes)
    fetching.join(30)

    assert swept.data()["leftovers"] == []
    assert swept.notes == (f"{NAME} is being fetched right now: its files stay.",)
    assert cache.find(hub, NAME, held.head)


def test_what_is_not_there_is_told(hub: Hub, two: tuple[str, str]) -> None:
    for name in ("owner/nothing", "nothing", "deadbeef", f"{NAME}@v9", "./owner", "tiny"):
        with pytest.raises(NotFoundError, match="is not in the Hub's cache"):
            remove(RmPlan(name), hub=hub, confirm=yes)


def test_something_must_be_named(hub: Hub) -> None:
    with pytest.raises(PlanError, match="named"):
        remove(RmPlan(None), hub=hub)


def test_a_name_alone_finds_its_only_owner(server: TestHub, hub: Hub, two: tuple[str, str]) -> None:
    assert show_model(ShowPlan("model"), hub=hub).newest.repo_id == "other/model"

    server.add("third/model", repo(1000))
    fetch(FetchPlan("third/model"), hub=hub)
    with pytest.raises(PlanError, match="other/model, third/model"):
        remove(RmPlan("model"), hub=hub, confirm=yes)

    server.add("mlx-community/model", repo(1000))
    fetch(FetchPlan("mlx-community/model"), hub=hub)
    assert show_model(ShowPlan("model"), hub=hub).newest.repo_id == "mlx-community/model"


def test_a_model_is_shown_with_its_revisions_and_files(hub: Hub, two: tuple[str, str]) -> None:
    blobs = Path(hub.cache / "models--owner--name/blobs")
    (blobs / f"{'a' * 64}.mlxkit.incomplete").write_bytes(b"12345")

    result = show_model(ShowPlan(NAME), hub=hub)

    data = result.data()
    assert [one["commit"] for one in data["revisions"]] == [two[1], two[0]]
    assert [file["path"] for file in data["revisions"][0]["files"]] == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert data["freed_bytes"] >= SIZE
    assert [one["size_bytes"] for one in data["leftovers"]] == [5]
    assert [table.title for table in result.report().tables] == ["Revisions", f"Files at {two[1][:8]}"]
    assert show_model(ShowPlan(f"{NAME}@v1"), hub=hub).newest.commit == two[0]
