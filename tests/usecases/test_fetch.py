"""Fetching, from the name to the folder: what is said first, what is used as it is, what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlxkit.core.errors import DoesNotFitError, HubError, IntegrityError, NotFoundError, PlanError, StoppedError
from mlxkit.core.located import Terms
from mlxkit.engines import store
from mlxkit.engines.hub import Hub
from mlxkit.usecases.fetch import LARGE_BYTES, FetchPlan, fetch, outline
from tests.fakes.checkpoints import files_of
from tests.fakes.fetching import NAME, repo, sha256
from tests.fakes.program import claim_size
from tests.hub import TestHub

SIZE = 300_000
MODEL = "model.safetensors"


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize("to", [None, "plain"])
def test_a_dry_run_lists_what_there_is_and_touches_nothing(
    server: TestHub, hub: Hub, tmp_path: Path, to: str | None
) -> None:
    server.add(NAME, repo(SIZE))

    result = fetch(FetchPlan(NAME, to=tmp_path / to if to else None, dry_run=True), hub=hub)

    data = result.data()
    assert [file["path"] for file in data["files"]] == ["README.md", "config.json", "tokenizer.json", MODEL]
    assert data["to_fetch_bytes"] == data["total_bytes"] > SIZE
    assert data["commit"] == server.repos[NAME].head
    assert data["fetched_bytes"] is None
    assert data["free_bytes"] > 0
    assert "To fetch" in [column.heading for column in result.report().tables[0].columns]
    assert not everything(tmp_path)
    assert server.bytes_sent() == 0


def test_what_was_fetched_is_told_with_its_digests(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))

    result = fetch(FetchPlan(NAME), hub=hub)

    data = result.data()
    weights = data["files"][-1]
    assert weights["sha256"] == sha256(result.folder / MODEL)
    assert weights["fetched_bytes"] == SIZE
    assert weights["is_checked"]
    assert (data["reused_bytes"], data["retries"]) == (0, 0)
    assert data["seconds"] > 0
    assert result.located.repo == NAME
    assert result.located.commit == server.repos[NAME].head


def test_what_is_here_is_used_without_a_request(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    first = fetch(FetchPlan(NAME), hub=hub)
    asked = len(server.requests)

    again = [fetch(FetchPlan(NAME, terms), hub=hub) for terms in (Terms(), Terms(offline=True), Terms("main"))]

    assert len(server.requests) == asked
    assert {result.folder for result in again} == {first.folder}
    assert {result.data()["reused_bytes"] for result in again} == {first.data()["total_bytes"]}


def test_a_refresh_takes_the_newer_commit_and_only_what_changed(server: TestHub, hub: Hub) -> None:
    held = server.add(NAME, repo(SIZE))
    fetch(FetchPlan(NAME), hub=hub)
    newer = held.commit({"README.md": b"# Another card\n"})

    stale, fresh = (fetch(FetchPlan(NAME, Terms(refresh=refresh)), hub=hub) for refresh in (False, True))

    assert stale.located.commit != newer
    assert fresh.located.commit == newer
    assert fresh.data()["fetched_bytes"] == len(b"# Another card\n")


@pytest.mark.parametrize(
    "plan", [FetchPlan(f"{NAME}@v1"), FetchPlan(NAME, Terms("v1")), FetchPlan(f"{NAME}@v1", Terms("v1"))]
)
def test_a_revision_is_named_in_either_way(server: TestHub, hub: Hub, plan: FetchPlan) -> None:
    held = server.add(NAME, repo(SIZE), tags=["v1"])
    held.commit({"README.md": b"newer"})

    assert fetch(plan, hub=hub).located.commit == held.tags["v1"]


def test_a_name_alone_is_completed_and_a_renamed_repo_followed(server: TestHub, hub: Hub) -> None:
    server.add("mlx-community/small", repo(SIZE))
    server.add("owner/old", repo(SIZE))
    server.rename("owner/old", "owner/new")

    completed, renamed = (fetch(FetchPlan(name, dry_run=True), hub=hub) for name in ("small", "owner/old"))

    assert completed.notes == ("'small' was taken for mlx-community/small on the Hub.",)
    assert renamed.notes == ("owner/old is called owner/new now.",)


def test_a_folder_and_a_path_are_never_taken_for_a_repo(server: TestHub, hub: Hub, tmp_path: Path) -> None:
    assert fetch(FetchPlan(str(tmp_path)), hub=hub).notes == ("It is on this disk: nothing is to be fetched.",)
    for name in ("./owner/name", str(tmp_path / "nothing"), "~/nothing", "a/b/c"):
        with pytest.raises(NotFoundError):
            fetch(FetchPlan(name), hub=hub)

    assert not server.requests


def test_a_plain_folder_is_whole_and_has_files_of_its_own(
    server: TestHub, hub: Hub, tmp_path: Path, source: Path
) -> None:
    server.add(NAME, files_of(source))

    result = fetch(FetchPlan(NAME, to=tmp_path / "plain"), hub=hub)

    assert result.folder == tmp_path / "plain"
    assert {path: file.read_bytes() for path, file in files_of(result.folder).items()} == {
        path: file.read_bytes() for path, file in files_of(source).items()
    }
    assert not any(path.is_symlink() for path in result.folder.iterdir())
    assert store.read(NAME, result.folder).sound()


def test_a_destination_that_exists_is_refused_before_anything_is_asked(
    server: TestHub, hub: Hub, tmp_path: Path
) -> None:
    server.add(NAME, repo(SIZE))
    (tmp_path / "plain").mkdir()

    with pytest.raises(PlanError, match="exists already"):
        fetch(FetchPlan(NAME, to=tmp_path / "plain"), hub=hub)
    assert not server.requests

    fetch(FetchPlan(NAME, to=tmp_path / "plain", force=True), hub=hub)
    assert (tmp_path / "plain" / MODEL).stat().st_size == SIZE


def test_a_fetch_that_fails_leaves_no_folder(server: TestHub, hub: Hub, tmp_path: Path) -> None:
    server.add(NAME, repo(SIZE))
    server.faults.add(MODEL, "status", status=404, times=None)

    with pytest.raises(HubError):
        fetch(FetchPlan(NAME, to=tmp_path / "plain"), hub=hub)

    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_patterns_choose_the_files(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))

    only = fetch(FetchPlan(NAME, include=("*.bin",)), hub=hub)
    less = fetch(FetchPlan(NAME, exclude=("*.safetensors", "README.md")), hub=hub)

    assert [file["path"] for file in only.data()["files"]] == ["pytorch_model.bin"]
    assert [file["path"] for file in less.data()["files"]] == ["config.json", "tokenizer.json"]
    with pytest.raises(PlanError, match="is left by the patterns"):
        fetch(FetchPlan(NAME, include=("*.gguf",)), hub=hub)


def test_verify_mends_what_is_wrong_and_offline_tells_it(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    weights = (fetch(FetchPlan(NAME), hub=hub).folder / MODEL).resolve()
    asked = len(server.requests)
    sound = fetch(FetchPlan(NAME, verify=True), hub=hub)
    with weights.open("r+b") as file:
        file.write(b"?!")

    assert all(file["is_checked"] for file in sound.data()["files"])
    assert len(server.requests) == asked
    with pytest.raises(IntegrityError, match=MODEL):
        fetch(FetchPlan(NAME, Terms(offline=True), verify=True), hub=hub)
    assert len(server.requests) == asked

    mended = fetch(FetchPlan(NAME, verify=True), hub=hub)

    assert mended.data()["fetched_bytes"] == SIZE
    assert sha256(mended.folder / MODEL) == mended.data()["files"][-1]["sha256"]


def test_much_is_fetched_only_after_a_yes(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    claim_size(server, NAME, MODEL, LARGE_BYTES + 1)
    questions: list[str] = []

    def no(question: str) -> bool:
        questions.append(question)
        return False

    with pytest.raises(StoppedError):
        fetch(FetchPlan(NAME), hub=hub, confirm=no)
    with pytest.raises(PlanError, match="20 GB") as caught:
        fetch(FetchPlan(NAME), hub=hub)

    assert questions == [f"Fetch 20 GB of {NAME}?"]
    assert caught.value.hint == f"mlxkit fetch {NAME} --yes"
    assert not hub.cache.exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    claim_size(server, NAME, MODEL, 10**16)

    with pytest.raises(DoesNotFitError):
        fetch(FetchPlan(NAME), hub=hub, confirm=lambda _question: True)
    planned = fetch(FetchPlan(NAME, dry_run=True), hub=hub)

    assert isinstance(planned.failure, DoesNotFitError)
    assert planned.data()["to_fetch_bytes"] > 10**16
    assert not hub.cache.exists()


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (FetchPlan(NAME, Terms(offline=True, refresh=True)), "--offline forbids"),
        (FetchPlan(f"{NAME}@v1", Terms("v2")), "Two revisions"),
        (FetchPlan("tiny", Terms("v2")), "no revisions"),
        (FetchPlan("tiny", to=Path("plain")), "not fetched"),
    ],
)
def test_what_contradicts_itself_is_refused(server: TestHub, hub: Hub, plan: FetchPlan, said: str) -> None:
    if plan.model == "tiny":
        plan = replace(plan, model=str(Path(__file__).parent))
    with pytest.raises(PlanError, match=said):
        fetch(plan, hub=hub)

    assert not server.requests


def test_offline_asks_nothing(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))

    with pytest.raises(HubError, match="offline"):
        fetch(FetchPlan(NAME, Terms(offline=True)), hub=hub)

    assert not server.requests


def test_an_outline_has_headers_and_no_weights(server: TestHub, hub: Hub, tmp_path: Path, source: Path) -> None:
    server.add(NAME, files_of(source))
    folder = tmp_path / "outline"
    folder.mkdir()

    located, notes = outline(FetchPlan(NAME), folder, hub=hub)

    found, expected = store.read(NAME, located.folder), store.read(NAME, source)
    assert (located.folder, located.has_weights, notes) == (folder, False, ())
    assert found.tensors == expected.tensors
    assert found.config == expected.config
    assert not hub.cache.exists()


def test_an_outline_of_what_is_here_is_what_is_here(server: TestHub, hub: Hub, tmp_path: Path, source: Path) -> None:
    held = server.add(NAME, files_of(source))
    fetched = fetch(FetchPlan(NAME), hub=hub)
    asked = len(server.requests)

    located, _ = outline(FetchPlan(NAME), tmp_path, hub=hub)
    assert (located.folder, located.has_weights) == (fetched.folder, True)
    assert len(server.requests) == asked

    refreshed, _ = outline(FetchPlan(NAME, Terms(refresh=True)), tmp_path, hub=hub)
    assert refreshed == located

    held.commit({"README.md": b"newer"})
    (tmp_path / "newer").mkdir()
    newer, _ = outline(FetchPlan(NAME, Terms(refresh=True)), tmp_path / "newer", hub=hub)
    assert not newer.has_weights
