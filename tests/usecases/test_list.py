"""What is on this disk: the cache, and the folders that mlxkit made."""

import json
from pathlib import Path

import pytest

from mlxkit.core.errors import NotFoundError
from mlxkit.engines.hub import Hub
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.fetch import FetchPlan, fetch
from mlxkit.usecases.list import ListPlan, list_models
from tests.fakes.checkpoints import files_of
from tests.fakes.fetching import NAME, repo
from tests.hub import TestHub


def test_there_may_be_no_cache_yet(tmp_path: Path) -> None:
    hub = Hub(cache=tmp_path / "nothing", endpoint="", has_token=False, is_offline=True)

    result = list_models(ListPlan(), hub=hub)

    assert result.data()["models"] == []
    assert not result.report().tables
    assert not hub.cache.exists()


def test_each_revision_in_the_cache_is_listed(server: TestHub, hub: Hub) -> None:
    quantized = {"model_type": "qwen3", "quantization": {"group_size": 64, "bits": 4}}
    held = server.add(NAME, {**repo(100_000), "config.json": json.dumps(quantized).encode()}, tags=["v1"])
    fetch(FetchPlan(f"{NAME}@v1"), hub=hub)
    held.commit({"README.md": b"newer"})
    fetch(FetchPlan(NAME), hub=hub)

    result = list_models(ListPlan(), hub=hub)

    models = result.data()["models"]
    assert {(model["commit"], *model["refs"]) for model in models} == {
        (held.tags["v1"], "v1"),
        (held.head, "main"),
    }
    assert {model["quantization"] for model in models} == {"4bit-g64 (MLX)"}
    assert all(model["is_whole"] for model in models)
    assert result.data()["size_bytes"] < sum(model["size_bytes"] for model in models)  # the weights are shared
    assert [row[0] for row in result.report().tables[0].rows] == [NAME, NAME]


def test_what_is_incomplete_is_told(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(100_000))
    blobs = fetch(FetchPlan(NAME), hub=hub).folder.parents[1] / "blobs"
    (blobs / f"{'a' * 64}.mlxkit.incomplete").write_bytes(b"12345")

    result = list_models(ListPlan(), hub=hub)

    assert result.data()["leftover_bytes"] == 5
    assert "rm --incomplete" in result.report().notes[0].text


def test_folders_that_mlxkit_made_are_found(tmp_path: Path, source: Path) -> None:
    convert(ConvertPlan(str(source), tmp_path / "made/here"))

    result = list_models(ListPlan(tmp_path))

    (model,) = result.data()["models"]
    assert model["name"] == str(tmp_path / "made/here")
    assert model["source"] == str(source)
    assert model["size_bytes"] == sum(path.stat().st_size for path in (tmp_path / "made/here").iterdir())
    assert result.report().tables[0].rows


def test_a_record_that_cannot_be_read_is_still_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mlxkit.json").write_text("[")

    (model,) = list_models(ListPlan(tmp_path)).models

    assert (model.origin, model.quantization) == (None, None)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        list_models(ListPlan(tmp_path / "nothing"))


def test_the_cache_as_files_of_other_tools_is_listed_too(server: TestHub, hub: Hub, source: Path) -> None:
    server.add(NAME, files_of(source))
    fetch(FetchPlan(NAME, include=("config.json",)), hub=hub)

    (model,) = list_models(ListPlan(), hub=hub).models

    assert not model.is_whole
