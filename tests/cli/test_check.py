"""`mlxkit check` as it is typed."""

import json

from click.testing import CliRunner, Result

from mlxkit.cli import cli
from mlxkit.core.codes import CODES
from tests.fakes.checkpoints import files_of, write_checkpoint
from tests.fakes.program import Program
from tests.hub import serve


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["check", *words], prog_name="mlxkit")


def test_tiny_is_fit_to_be_published():
    done = run("tiny")
    assert done.exit_code == 0, done.output
    assert "3 answers, 3 of them ended" in done.stdout
    assert "No errors, no warnings" in done.stdout


def test_errors_are_status_5_in_text_and_json(source):
    (source / "training_args.bin").write_bytes(b"x")
    done = run(str(source), "--no-run", "--offline")
    assert done.exit_code == 5
    assert "files.pickle" in done.stdout
    assert done.stderr.startswith("Error: ")
    envelope = json.loads(run(str(source), "--no-run", "--offline", "--json").stdout)
    assert envelope["status"] == "error"
    assert envelope["error"]["code"] == "gate"
    assert "files.pickle" in [one["code"] for one in envelope["data"]["findings"]]


def test_a_secret_is_never_printed(source):
    secret = "h" + "f_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbC"
    (source / "notes.md").write_text(f"token {secret}")
    for form in ("text", "json", "markdown"):
        done = run(str(source), "--only", "secrets", "--format", form)
        assert done.exit_code == 5
        assert secret[:4] in done.stdout
        assert secret[:6] not in done.output


def test_all_codes_are_listed():
    assert set(CODES) <= set(run("--list-codes").stdout.split())
    assert len(json.loads(run("--list-codes", "--json").stdout)["data"]["codes"]) == len(CODES)


def test_a_model_is_needed_otherwise():
    done = run("--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["code"] == "usage"


def test_no_folder_is_one_sentence():
    done = run("./nothing-there")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.strip().splitlines()] == ["Error", "Hint"]


def test_a_repo_is_fetched_and_looked_at(tmp_path):
    files = files_of(write_checkpoint(tmp_path / "published"))
    with serve() as hub:
        hub.add("owner/name-8bit", {**files, "pytorch_model.bin": b"x", ".DS_Store": b"x"})  # they are not fetched
        done = Program(hub, tmp_path / "home")("check", "owner/name-8bit", "--no-run", "--json")
    data = json.loads(done.stdout)["data"]
    assert done.returncode == 5, done.stderr
    assert data["repo"] == "owner/name-8bit"
    codes = [one["code"] for one in data["findings"] if one["severity"] != "note"]
    assert codes == ["files.pickle", "config.name_bits", "secrets.leftover"]
