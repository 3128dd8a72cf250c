"""A new recipe, for whoever begins one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.recipes import parse, template
from mlxkit.core.report import Fact, Note, Report
from mlxkit.engines import ledger


@dataclass(frozen=True)
class StartResult:
    """A recipe that was begun.

    Attributes:
        repo: what it makes variants of.
        path: the file.
    """

    command: ClassVar[str] = "build"
    repo: str
    path: Path

    @property
    def failure(self) -> MlxkitError | None:
        """None: what fails is not written."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {"source": self.repo, "recipe": str(self.path)}

    def report(self) -> Report:
        """Return what a reader sees."""
        note = Note(f"Change what it asks for, then: mlxkit build {self.path} --plan")
        return Report("A new recipe", (Fact("Written to", str(self.path)),), (), (note,))


def start(repo: str, folder: Path = Path()) -> StartResult:
    """Write a commented recipe of a name like the source's.

    Args:
        repo: ``owner/name``, a folder or ``tiny``.
        folder: that it is written to.

    Raises:
        PlanError: there is a file of that name.
        NotFoundError: the source is no name that the Hub allows.
        MlxkitError: it cannot be written.
    """
    text = template(repo)
    path = folder / f"{parse(text, 'the template').name}.toml"
    ledger.write_whole(path, text.encode(), force=False)
    return StartResult(repo, path)
