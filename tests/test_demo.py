"""`make demo` keeps its page and its answers while nothing is built: they are results that depend on the lock."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
DEMO = Path("build/demo")
LOCK = DEMO / "build/tiny/lock.json"

# It builds what is not there, and answers unless it is told to break.
PROGRAM = """#!/bin/sh
echo "$1" >> calls
case "$1" in
build) test -e build/tiny/lock.json || { mkdir -p build/tiny; echo {} > build/tiny/lock.json; } ;;
report) echo page > report.html ;;
run) echo half; test ! -e broken; echo "of $2" ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


class Clone:
    """A clone whose environment is there, with a program that only pretends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / ".venv/bin/mlxkit"
        program.parent.mkdir(parents=True)
        program.write_text(PROGRAM.replace("#!/bin/sh", "#!/bin/sh\nset -e"))
        program.chmod(0o755)
        shutil.copy(MAKEFILE, folder)
        (folder / "pyproject.toml").touch()
        (folder / ".venv/.ready").touch()

    def demo(self) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """Run it; return what was asked of the program, too."""
        calls = self.folder / DEMO / "calls"
        calls.unlink(missing_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        done = subprocess.run(
            ["make", "demo"], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        return done, calls.read_text().split()


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def test_a_second_run_builds_nothing_and_shows_what_was_kept(clone):
    first, asked = clone.demo()
    assert (first.returncode, asked) == (0, ["build", "report", "run", "run"])

    second, asked = clone.demo()

    assert (second.returncode, asked) == (0, ["build"])
    assert second.stdout.count("(kept: nothing was built since)") == 3
    assert "kept" not in first.stdout
    for said in ("$ mlxkit build ../../recipes/tiny.toml", "build/demo/report.html is the page.", "of build/tiny/"):
        assert said in first.stdout
        assert said in second.stdout


def test_what_was_built_since_is_told_and_asked_again(clone):
    clone.demo()
    for kept in (clone.folder / DEMO).rglob("*"):
        os.utime(kept, (1, 1))
    (clone.folder / LOCK).touch()

    _, asked = clone.demo()

    assert asked == ["build", "report", "run", "run"]


def test_half_an_answer_does_not_count(clone):
    broken = clone.folder / DEMO / "broken"
    broken.parent.mkdir(parents=True)
    broken.touch()
    done, asked = clone.demo()
    assert (done.returncode != 0, asked) == (True, ["build", "report", "run"])
    broken.unlink()

    done, asked = clone.demo()

    assert (done.returncode, asked) == (0, ["build", "run", "run"])
