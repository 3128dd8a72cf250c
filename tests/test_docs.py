"""README and CHANGELOG say what the program is now."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.readme import renewed
from mlxkit import __version__
from mlxkit.cli.commands import COMMANDS
from mlxkit.cli.groups import leaves
from mlxkit.cli.reference import BEGIN, END, reference, table, updated

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_readmes_command_table_is_up_to_date() -> None:
    assert updated(README) == README, "run `make docs`"


@pytest.mark.parametrize("name", dict(leaves(COMMANDS)))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"| `mlxkit {name}" in README


def test_readmes_table_of_throughput_is_what_was_measured() -> None:
    assert renewed(README, ROOT / "benchmarks" / "results" / "peers.json") == README, "run benchmarks/peers.py --table"


def test_every_make_target_in_the_readme_is_one() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert set(re.findall(r"\bmake ([a-z-]+)`", README)) <= set(targets)


def test_changelogs_newest_version_is_the_programs() -> None:
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$", CHANGELOG, flags=re.MULTILINE)

    assert released[0] == __version__
    assert CHANGELOG.startswith("# Changelog\n")


def test_a_changelog_groups_by_the_kinds_of_change() -> None:
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

    assert set(re.findall(r"^### (.+)$", CHANGELOG, flags=re.MULTILINE)) <= kinds


def test_a_table_is_renewed_between_its_markers_and_nothing_else_is_touched() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert updated(page) == f"before\n{BEGIN}\n{table()}\n{END}\nafter\n"
    assert updated(updated(page)) == updated(page)


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"])
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        updated(page)


def test_a_check_fails_on_an_old_table_and_changes_nothing(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n")

    checked = CliRunner().invoke(reference, [str(page), "--check"])

    assert checked.exit_code == 1
    assert "make docs" in checked.output
    assert "old" in page.read_text()

    assert CliRunner().invoke(reference, [str(page)]).exit_code == 0
    assert CliRunner().invoke(reference, [str(page), "--check"]).exit_code == 0
