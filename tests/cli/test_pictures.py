"""--plot and --format csv: what they take, what they refuse, what they write."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from mlxkit.cli import options
from mlxkit.cli.app import Program, wants_json
from mlxkit.cli.output import show
from mlxkit.cli.pictures import save
from mlxkit.core.errors import MlxkitError
from mlxkit.core.report import Picture
from tests.fakes.pictures import SPEED
from tests.fakes.results import MISSED, FakeResult


class Drawn:
    """What can be drawn."""

    def picture(self) -> Picture:
        return SPEED


def gauging(failure: MlxkitError | None = None) -> Program:
    """A program whose one command measures nothing and shows what it would."""

    @click.command()
    @options.plot
    @options.tabular
    def inspect(plot: Path | None, form: str, quiet: bool) -> None:
        if plot is not None:
            save(Drawn(), plot)
        show(FakeResult(failure=failure), form)

    return Program(commands={"inspect": inspect})


def invoke(*words: str, failure: MlxkitError | None = None) -> Result:
    return CliRunner().invoke(gauging(failure), ["inspect", *words], prog_name="mlxkit")


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG")])
def test_a_picture_is_written_whole_and_replaces_the_last(tmp_path: Path, name: str, start: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")

    result = invoke("--plot", str(path))

    assert result.exit_code == 0
    assert not result.stderr
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a", "a.pdf", "svg", ".png", "a.svg.gz", "-"])
def test_another_suffix_is_refused_by_name(tmp_path: Path, name: str) -> None:
    result = invoke("--plot", str(tmp_path / name))

    assert result.exit_code == 2
    assert not result.stdout
    assert ".svg nor .png" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()

    for name, words in (("none/a.svg", "There is no folder"), ("folder.svg", "is a directory")):
        result = invoke("--plot", str(tmp_path / name), "--json")
        error = json.loads(result.stdout)["error"]
        assert (result.exit_code, error["code"]) == (2, "usage")
        assert words in error["message"]


def test_a_place_that_vanished_meanwhile_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    taken = tmp_path / "a.svg"
    taken.mkdir()

    for path in (taken, tmp_path / "gone/a.svg"):
        with pytest.raises(MlxkitError, match="cannot be written"):
            save(Drawn(), path)
    assert list(tmp_path.iterdir()) == [taken]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_takes_nothing_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    result = invoke("--plot", str(tmp_path / "a.svg"))

    tmp_path.chmod(0o700)
    assert result.exit_code == 2
    assert "Nothing can be written to the folder" in result.stderr


def test_without_it_nothing_that_draws_is_loaded() -> None:
    script = "import sys, mlxkit.cli.pictures, mlxkit.cli.options; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_csv_is_a_format_where_it_is_asked_for() -> None:
    result = invoke("--format", "csv")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == ["Kind,Tensors,Quantized", "mlp,108,true"]
    assert "csv" in invoke("--help").stdout


def test_a_result_that_fails_is_csv_and_its_error_is_elsewhere() -> None:
    result = invoke("--format", "csv", failure=MISSED)

    assert result.exit_code == MISSED.exit_status
    assert result.stdout.startswith("Kind,")
    assert result.stderr.startswith("Error: top1_agreement")


def test_csv_is_not_json() -> None:
    assert not wants_json(["inspect", "--format", "csv"])
    assert not wants_json(["inspect", "--format=csv"])
    assert invoke("--format", "csv", "--no-such-option").stderr.startswith("Error: ")


def test_commands_without_a_main_table_have_no_csv() -> None:
    @click.command()
    @options.output
    def inspect(form: str, quiet: bool) -> None:
        click.echo(form)

    result = CliRunner().invoke(Program(commands={"inspect": inspect}), ["inspect", "--format", "csv"])

    assert result.exit_code == 2
    assert not result.stdout
