"""A small release for tests: a recipe on a random checkpoint, hands that are counted, and a process to be killed."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlxkit.usecases.build import BuildPlan, BuildResult, Hands, build
from mlxkit.usecases.build.engaging import hands
from mlxkit.usecases.build.work import Work

HEAD = """\
name = "small"

[source]
repo = "./source"
license = "mit"
"""

VARIANTS = """
[[variant]]
bits_per_weight = 5

[[variant]]
bits_per_weight = 7

[[variant]]
scheme = "4bit"
"""

TAIL = """
[calibration]
text = "calibration.jsonl"
tokens = 128

[evaluation]
texts = ["text.jsonl"]
tokens = 128
context = 32
tasks = ["questions.jsonl"]
limit = 2

[bench]
prompt_tokens = 8
generated_tokens = 3
repeats = 1
"""

NAMES = ("small-5bpw", "small-7bpw", "small-4bit")


def write_recipe(folder: Path, gates: str = "", variants: str = VARIANTS, head: str = HEAD) -> Path:
    """A recipe beside its texts; the source is the folder `source` beside it."""
    for name, count in (("calibration", 40), ("text", 20)):
        lines = (json.dumps({"text": f"The {name} has document {number}. " * 4}) for number in range(count))
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    asked = ({"prompt": f"{number} + 1 =", "answer": str(number + 1)} for number in range(4))
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)))
    path = folder / "small.toml"
    path.write_text(f"{head}{variants}{TAIL}{gates}")
    return path


def card(_folder: Path, repo: str) -> Mapping[str, bytes]:
    """What another part writes beside weights."""
    return {"README.md": f"# {repo}\n".encode(), "frontier.svg": b"<svg/>"}


@dataclass
class Release:
    """A recipe in a folder, and what its builds asked for.

    Attributes:
        folder: of the recipe; what is built is below it.
        calls: what was asked of the hands, in order: the step, and of whom.
    """

    folder: Path
    calls: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "build" / "small"

    @property
    def lock(self) -> dict[str, Any]:
        return json.loads((self.home / "lock.json").read_text())

    @property
    def digests(self) -> dict[str, str]:
        return {name: entry["steps"]["made"]["digest"] for name, entry in self.lock["variants"].items()}

    def plan(self, **wishes: Any) -> BuildPlan:
        return BuildPlan(str(self.folder / "small.toml"), root=self.folder / "build", **wishes)

    def run(self, **wishes: Any) -> BuildResult:
        self.calls.clear()
        return build(self.plan(**wishes), engage=self.engage, dress=card)

    def engage(self, work: Work) -> Hands:
        """The true hands, counted; nothing is wrong with any folder."""
        true = hands(work)

        def counted(step: str, function: Any, name: Any) -> Any:
            def call(*given: Any) -> Any:
                self.calls.append((step, name(*given)))
                return function(*given)

            return call

        return replace(
            true,
            make=counted("make", true.make, lambda batch, _folder: tuple(one.name for one in batch.variants)),
            judge=counted("judge", true.judge, lambda folder, _texts, _tasks: folder.name),
            time=counted("time", true.time, lambda folders, _given: tuple(folder.name for folder in folders)),
            look=counted("look", lambda _folder, _repo: (), lambda folder, _repo: folder.name),
        )


def main() -> None:
    """Be a process that builds, to be killed."""
    Release(Path(sys.argv[1])).run()


if __name__ == "__main__":
    main()
