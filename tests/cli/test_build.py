"""`mlxkit build` as it is typed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from mlxkit.cli import cli
from tests.usecases.build.conftest import _built, release

__all__ = ["_built", "release"]

SMALL = "small.toml"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["build", *words], prog_name="mlxkit")


def test_a_rerun_loads_no_model_library(release):
    script = (
        "import sys\n"
        "from mlxkit.cli import cli\n"
        "cli.main(['build', 'small.toml', '--json'], standalone_mode=False)\n"
        "print(sorted({'mlx_lm', 'transformers', 'matplotlib', 'huggingface_hub'} & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=release.folder, capture_output=True, text=True, check=True
    )

    assert done.stderr.splitlines()[-1] == "[]"
    envelope = json.loads(done.stdout)
    assert envelope["command"] == "build"
    assert [one["done"] for one in envelope["data"]["variants"]] == [[], [], []]


def test_a_gate_that_is_missed_is_status_5(release, monkeypatch):
    monkeypatch.chdir(release.folder)
    recipe = Path(SMALL).read_text()
    Path(SMALL).write_text(f"{recipe}\n[gates]\nmax_bytes = '1kB'\n")

    done = run(SMALL)

    assert done.exit_code == 5
    assert "max_bytes: " in done.stdout
    assert "do not keep to the gates" in done.stderr
    envelope = json.loads(run(SMALL, "--json").stdout)
    assert envelope["error"]["code"] == "gate"
    assert not any(one["is_publishable"] for one in envelope["data"]["variants"])


def test_a_plan_and_a_check_of_the_lock(release, monkeypatch):
    monkeypatch.chdir(release.folder)

    planned = run(SMALL, "--plan")
    verified = run(SMALL, "--variant", "small-4bit", "--verify", "build/small/lock.json", "--json")

    assert planned.exit_code == 0, planned.output
    assert "Nothing was made" in planned.stdout
    assert verified.exit_code == 0, verified.output
    assert json.loads(verified.stdout)["data"]["variants"][0]["is_same"] is True


def test_the_true_card_and_the_true_check(release, monkeypatch):
    monkeypatch.chdir(release.folder)
    shutil.rmtree(release.home)

    done = run(SMALL, "--variant", "small-4bit", "--json")

    envelope = json.loads(done.stdout)
    (one,) = envelope["data"]["variants"]
    assert {"made", "dressed", "checked"} <= set(one["done"])
    assert isinstance(one["check_errors"], list)
    assert (Path(one["folder"]) / "README.md").read_text().startswith("---")
    assert done.exit_code == (5 if one["check_errors"] else 0)


def test_new_writes_a_recipe_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert run("--new", "owner/model").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model.toml"]
    assert run("--new", "owner/model").exit_code == 2


def test_an_unknown_variant_is_one_sentence(release, monkeypatch):
    monkeypatch.chdir(release.folder)

    done = run(SMALL, "--variant", "small-4bits")

    assert done.exit_code == 1
    assert "Hint: did you mean 'small-4bit'" in done.stderr


def test_no_recipe_is_a_usage_error():
    done = run()

    assert done.exit_code == 2
    assert "No recipe is named" in done.stderr
