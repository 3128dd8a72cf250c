"""`mlxkit fit` as it is typed, of a folder and of a model on the Hub that is not here."""

import csv
import json
from io import StringIO

import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import cli
from tests.cli.test_bad_input import CASES, assert_one_sentence
from tests.fakes.checkpoints import files_of, write_checkpoint
from tests.fakes.program import Program
from tests.hub import serve

SHORT = ("--context", "64", "--device", "M4 16GB")


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["fit", *words], prog_name="mlxkit")


def test_text_json_and_csv_tell_the_same(source):
    text = run(str(source), *SHORT, "--scheme", "4bit").stdout
    (said,) = json.loads(run(str(source), *SHORT, "--scheme", "4bit", "--json").stdout)["data"]["rows"]
    header, row = csv.reader(StringIO(run(str(source), *SHORT, "--scheme", "4bit", "--format", "csv").stdout))
    assert said["verdict"] == "fits"
    assert "fits" in text
    assert "4bit-g64" in text
    assert row[header.index("Weights (bytes)")] == str(said["weight_bytes"])


def test_of_a_model_on_the_hub_only_headers_are_read(tmp_path):
    files = files_of(write_checkpoint(tmp_path / "published"))
    with serve() as hub:
        hub.add("owner/name", files)
        program = Program(hub, tmp_path / "home")
        done = program("fit", "owner/name", *SHORT, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["data"]["rows"]
    assert [row["scheme"] for row in rows] == ["as stored", "8bit-g64", "6bit-g64", "4bit-g64"]
    assert not list(program.cache.rglob("*.safetensors"))


def test_exit_status_4_says_that_nothing_fits(source, tmp_path, monkeypatch):
    own = tmp_path / "devices.toml"
    fact = 'confidence = "assumed", source = "a test"'
    own.write_text(
        '[[devices]]\nname = "Toy"\nkind = "mac"\nchip = "Toy"\n'
        f"memory_gib = {{ value = [1], {fact} }}\nlimit = {{ gb = 0.0001, {fact} }}\n"
    )
    monkeypatch.setenv("MLXKIT_DEVICES", str(own))
    done = run(str(source), "--device", "toy", "--context", "64")
    assert done.exit_code == 4
    assert "does not fit" in done.stdout
    assert done.stderr.startswith("Error: ")


# Only what headers tell can be told.
SPOILED = [
    case for case in CASES if case[0].__name__ not in ("nan_weights", "no_tokenizer_json", "unknown_architecture")
]


@pytest.mark.parametrize(("spoil", "status", "said"), SPOILED, ids=[spoil.__name__ for spoil, *_ in SPOILED])
def test_a_spoiled_checkpoint(tmp_path, spoil, status, said):
    folder = write_checkpoint(tmp_path / "source")
    spoil(folder)
    assert_one_sentence(run(str(folder), *SHORT), status, said)


@pytest.mark.parametrize(
    "words", [("--context", "0"), ("--batch", "0"), ("--scheme", "9bit"), ("--device", "M9")], ids=" ".join
)
def test_a_wish_that_cannot_be_is_one_sentence(source, words):
    done = run(str(source), *words)
    assert done.exit_code in (1, 2)
    assert [line.split(":")[0] for line in done.stderr.strip().splitlines()] == ["Error", "Hint"]


def test_devices_are_listed_with_how_sure_each_figure_is():
    assert "M4 Max (40-core GPU) 64 GB" in run("--list-devices").stdout
    devices = json.loads(run("--list-devices", "--json").stdout)["data"]["devices"]
    assert len(devices) > 50
    assert all(device["limit_bytes"]["source"] and device["memory_bytes"]["confidence"] for device in devices)


def test_a_model_is_needed_otherwise():
    done = run("--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["code"] == "usage"


def test_the_other_way_round(source):
    said = json.loads(run(str(source), *SHORT, "--reverse", "--json").stdout)["data"]["rows"]
    assert [row["scheme"] for row in said] == ["as stored"]
    assert "For weights" in run(str(source), *SHORT, "--reverse").stdout
