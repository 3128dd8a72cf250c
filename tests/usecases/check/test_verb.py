"""What is looked at, whence, and that no content raises."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxkit.core.errors import GateError, NotFoundError
from mlxkit.core.located import Located
from mlxkit.engines import store
from mlxkit.engines.hub import Hub
from mlxkit.usecases.check import CheckPlan, check, from_hub
from tests.cli.test_bad_input import CASES as SPOILED
from tests.cli.test_bad_input import KEYS, VALUES
from tests.fakes.checkpoints import QWEN3, files_of, write_checkpoint
from tests.hub import TestHub
from tests.usecases.check.world import COMMIT, REPO


def test_no_folder_is_an_error():
    with pytest.raises(NotFoundError):
        check(CheckPlan("./nothing-there"))


def test_only_some_families(here):
    here.write(".env", "A=1")
    here.drop("config.json")
    here.plan["only"] = ("secrets",)
    result = here.check()
    assert [one.code for one in result.findings] == ["secrets.env_file"]
    assert [looked.family for looked in result.looked] == ["secrets"]


def test_errors_come_first_and_are_a_gate(here):
    here.drop("mlxkit.json", "LICENSE")
    here.write("a.pt", "x")
    result = here.check()
    assert [one.severity for one in result.findings] == ["error", "warning", "note"]
    assert isinstance(result.failure, GateError)
    assert result.failure.message.endswith("has 1 error: it is not fit to be published.")
    data = result.data()
    assert data["counts"] == {"error": 1, "warning": 1, "note": 1}
    assert data["findings"][0] == {
        "code": "files.pickle",
        "severity": "error",
        "where": "a.pt",
        "said": "Files that end in .pt are pickles, or are read as such.",
        "hint": "remove it, or convert it to safetensors",
    }
    json.dumps(data)
    assert [table.title for table in result.report().tables] == ["Errors", "Warnings", "Notes"]


@pytest.mark.parametrize("spoil", [case[0] for case in SPOILED], ids=lambda spoil: spoil.__name__)
def test_a_broken_checkpoint_gives_findings(tmp_path, spoil):
    folder = write_checkpoint(tmp_path / "source")
    spoil(folder)
    result = check(CheckPlan(str(folder), run=False))
    told = {
        "nan_weights",
        "no_tokenizer_json",
        "unknown_architecture",
        "missing_tensors",
        "extra_tensors",
        "wrong_shape",
    }
    # Those are told by loading it; all others by reading.
    assert (result.failure is not None) == (spoil.__name__ not in told - {"no_tokenizer_json"})


def test_an_empty_folder_gives_findings(tmp_path):
    codes = {one.code for one in check(CheckPlan(str(tmp_path), run=False)).of("error")}
    assert codes == {"files.config_missing", "files.tokenizer_missing", "files.weights_missing"}


FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "mlxkit.json",
    "model.safetensors.index.json",
)
MORE = ("source", "tensors", "weight_map", "metadata", "model_max_length", "chat_template", "eos_token", "vocab_size")
JSON = VALUES | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(FILES), key=st.sampled_from([*KEYS, *MORE]), value=JSON)
def test_no_content_raises(tmp_path, file, key, value):
    folder = tmp_path / "source"
    if not folder.exists():
        write_checkpoint(folder)
    before = (folder / file).read_text() if (folder / file).exists() else None
    (folder / file).write_text(json.dumps({**json.loads(before or "{}"), key: value}))
    result = check(CheckPlan(str(folder), run=False))
    json.dumps(result.data())
    assert result.report()
    (folder / file).unlink() if before is None else (folder / file).write_text(before)


def test_a_snapshot_of_the_cache_is_no_folder_of_links(tmp_path):
    made = write_checkpoint(tmp_path / "made")
    snapshot = tmp_path / "models--a--b/snapshots" / COMMIT
    blobs = tmp_path / "models--a--b/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, (name, path) in enumerate(files_of(made).items()):
        path.rename(blobs / str(number))
        (snapshot / name).symlink_to(os.path.relpath(blobs / str(number), snapshot))
    located = Located(snapshot, "a/b-4bit", COMMIT)
    result = check(CheckPlan("a/b-4bit", run=False), locate=lambda _name: located)
    assert {one.code for one in result.findings if one.severity != "note"} == {"config.name_bits"}


def test_the_original_in_a_folder_is_compared(here):
    record = json.loads((here.folder / "mlxkit.json").read_text())
    record["source"] = {"name": str(here.original), "repo": None, "commit": None, "license": "mit"}
    here.write("mlxkit.json", json.dumps(record))
    assert here.check().findings == ()
    (here.original / "tokenizer.json").write_text("{}")
    assert [one.code for one in here.check().findings] == ["files.tokenizer_changed"]


def test_the_original_on_the_hub_is_compared(server: TestHub, hub: Hub, here):
    (here.original / "model.safetensors").write_bytes((here.folder / "model.safetensors").read_bytes())
    held = server.add(REPO, files_of(here.original))
    first = held.head
    here.change("mlxkit.json", source={"name": REPO, "repo": REPO, "commit": first, "license": "mit"})
    source = from_hub(hub)
    assert here.check(source=source).findings == ()

    held.commit({"chat_template.jinja": b"{{ 1 }}"})
    assert [one.code for one in here.check(source=from_hub(hub)).findings] == ["upstream.template"]

    here.change("mlxkit.json", source={"name": REPO, "repo": REPO, "commit": "3" * 40, "license": "mit"})
    codes = [one.code for one in here.check(source=from_hub(hub)).findings]
    assert codes == ["upstream.commit_gone", "files.source_unreachable"]


def test_offline_nothing_is_asked(hub: Hub, here):
    from dataclasses import replace

    codes = [one.code for one in here.check(source=from_hub(replace(hub, is_offline=True))).findings]
    assert codes == ["files.source_unreachable", "upstream.unreachable"]


def test_what_mlxkit_did_not_make_gives_notes_only(tmp_path):
    folder = write_checkpoint(tmp_path / "source", QWEN3)
    result = check(CheckPlan(str(folder), run=False))
    assert {one.severity for one in result.findings} == {"note"}
    assert store.entries(folder)
