"""A checkpoint that nothing is wrong with, what it was made from, and a fresh process that is only played."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlxkit.core.checks.attempts import QUESTIONS, Answer, Attempt
from mlxkit.core.checks.origins import Source
from mlxkit.core.located import Located
from mlxkit.core.schemes import parse
from mlxkit.engines import store
from mlxkit.usecases.check import CheckPlan, CheckResult, check
from mlxkit.usecases.check.sources import of_folder
from mlxkit.usecases.quantize import QuantizePlan, quantize

REPO, COMMIT, LATER = "owner/tiny", "1" * 40, "2" * 40
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
FINE = Attempt(
    version="0",
    is_loaded=True,
    has_template=True,
    is_finite=True,
    answers=tuple(Answer(question, (1, 2, 3), is_ended=True) for question in QUESTIONS),
    max_tokens=8,
    seconds=60.0,
)


def make(folder: Path) -> Path:
    """Quantize `tiny`, as if it had come from the Hub, and give it a card."""
    tiny = store.locate("tiny")
    plan = QuantizePlan("tiny", folder, (parse("4bit"),), encoder="minmax")
    quantize(plan, locate=lambda _name: Located(tiny, REPO, COMMIT))
    card = f"---\nlicense: mit\nbase_model: {REPO}\n---\n# A model\n"
    (folder / "README.md").write_text(card)
    return folder


@dataclass
class World:
    """What a case may spoil.

    Attributes:
        folder: the checkpoint's.
        original: what it was made from, without weights.
        reaches: commits that can be had; None stands for what is newest.
        now: the folder of the newest state, its commit and its name.
        tried: what the fresh process would tell.
        room: bytes that there are for a model.
        plan: what is asked besides.
    """

    folder: Path
    original: Path
    reaches: set[str | None] = field(default_factory=lambda: {None, COMMIT})
    now: tuple[Path, str, str] | None = None
    tried: Attempt = FINE
    room: int | None = None
    plan: dict[str, Any] = field(default_factory=dict)

    def source(self, _repo: str, commit: str | None) -> Source | None:
        """Lead to the original."""
        if commit not in self.reaches:
            return None
        if commit is None and self.now is not None:
            folder, now, name = self.now
            return of_folder(folder, name, now)
        return of_folder(self.original, REPO, COMMIT)

    def check(self, **words: Any) -> CheckResult:
        """Check the folder."""
        words = {"source": self.source, "attempt": lambda *_: self.tried, "room": lambda: self.room, **words}
        return check(CheckPlan(str(self.folder), **self.plan), **words)

    def change(self, file: str, *, both: bool = False, **keys: Any) -> None:
        """Change keys of a JSON file, of the original's too; ... takes a key away."""
        for folder in (self.folder, self.original) if both else (self.folder,):
            value = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
            value = {key: said for key, said in {**value, **keys}.items() if said is not ...}
            (folder / file).write_text(json.dumps(value))

    def write(self, file: str, content: str | bytes) -> Path:
        """Put a file into the folder."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def drop(self, *files: str, both: bool = False) -> None:
        """Take files away, from the original too."""
        for folder in (self.folder, self.original) if both else (self.folder,):
            for file in files:
                (folder / file).unlink(missing_ok=True)

    def card(self, **keys: Any) -> None:
        """Change the card's front matter."""
        lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items() if value is not ...)
        self.write("README.md", f"---\n{lines}---\n# A model\n")

    def original_card(self, **keys: Any) -> None:
        """Change the front matter of the original's card."""
        lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items())
        (self.original / "README.md").write_text(f"---\n{lines}---\n")

    def try_with(self, **outcome: Any) -> None:
        """Let the fresh process tell something else."""
        self.tried = replace(self.tried, **outcome)

    def later(self, change: Callable[[Path], object], name: str = REPO) -> None:
        """Let the original have changed since."""
        folder = self.original.with_name("later")
        shutil.copytree(self.original, folder)
        change(folder)
        self.now = (folder, LATER, name)


def world(clean: Path, place: Path) -> World:
    """Return a copy of a clean checkpoint that may be spoiled, below a folder."""
    shutil.copytree(clean, place / clean.name)
    ignored = shutil.ignore_patterns("*.safetensors", "questions.jsonl")
    shutil.copytree(store.locate("tiny"), place / "original", ignore=ignored)
    return World(place / clean.name, place / "original")
