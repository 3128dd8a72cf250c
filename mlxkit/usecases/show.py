"""One model of the Hub's cache: its revisions, its files, and what they take."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.quantization import describe
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.engines import hub as settings
from mlxkit.engines.hub import Hub, holdings, present
from mlxkit.engines.hub.holdings import Held, Leftover
from mlxkit.engines.hub.matching import matching


@dataclass(frozen=True)
class ShowPlan:
    """What to show: a repo, with a revision or without, or the beginning of a commit."""

    model: str


@dataclass(frozen=True)
class ShowResult:
    """What there is of it.

    Attributes:
        plan: what was asked.
        snapshots: its revisions, the newest first.
        config: config.json of the newest.
        leftovers: what interrupted fetches of it left.
        freed_bytes: what removing them would free; what other snapshots share stays.
    """

    command: ClassVar[str] = "show"
    plan: ShowPlan
    snapshots: tuple[Held, ...]
    config: Mapping[str, Any]
    leftovers: tuple[Leftover, ...]
    freed_bytes: int

    @property
    def failure(self) -> MlxkitError | None:
        """None: what is incomplete is shown as that."""
        return None

    @property
    def newest(self) -> Held:
        """The revision that was fetched last."""
        return self.snapshots[0]

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "repo": self.newest.repo_id,
            "architecture": self.config.get("model_type"),
            "quantization": describe(self.config),
            "freed_bytes": self.freed_bytes,
            "last_used": _moment(self.newest.last_used),
            "revisions": [
                {
                    "commit": one.commit,
                    "refs": list(one.refs),
                    "folder": str(one.folder),
                    "size_bytes": one.size_bytes,
                    "last_changed": _moment(one.last_changed),
                    "is_whole": one.is_whole,
                    "files": [{"path": file.path, "size_bytes": file.size_bytes} for file in one.files],
                }
                for one in self.snapshots
            ],
            "leftovers": [{"path": str(one.place), "size_bytes": one.size_bytes} for one in self.leftovers],
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        architecture = self.config.get("model_type")
        left = sum(one.size_bytes for one in self.leftovers)
        facts = (
            Fact("Architecture", architecture if isinstance(architecture, str) else None),
            Fact("Quantization", describe(self.config) or "none"),
            Fact("Last used", self.newest.last_used, "moment"),
            Fact("Removing frees", self.freed_bytes, "bytes"),
            *([Fact("Incomplete", left, "bytes")] if left else []),
            Fact("Folder", str(self.newest.folder)),
        )
        revisions = Table(
            "Revisions",
            (Column("Commit"), Column("Known as"), Column("Files", "count"), Column("Size", "bytes"),
             Column("Fetched", "moment"), Column("Whole", "flag")),
            tuple(
                (one.commit, one.refs, len(one.files), one.size_bytes, one.last_changed, one.is_whole)
                for one in self.snapshots
            ),
        )  # fmt: skip
        files = Table(
            f"Files at {self.newest.commit[:8]}",
            (Column("File"), Column("Size", "bytes")),
            tuple((file.path, file.size_bytes) for file in self.newest.files),
        )
        notes = (Note("An interrupted fetch left something: fetch again to continue, or `mlxkit rm --incomplete`."),)
        return Report(self.newest.repo_id, facts, (revisions, files), notes if self.leftovers else ())


def show_model(plan: ShowPlan, *, hub: Hub | None = None) -> ShowResult:
    """Return what the cache has of a model. Nothing is asked of the network.

    Raises:
        NotFoundError: it has nothing of it.
        PlanError: the name may mean several repos.
    """
    found = holdings.scan(hub or settings.read())
    snapshots = tuple(sorted(matching(found, plan.model), key=lambda one: -one.last_changed))
    removal = holdings.plan_removal(found, snapshots)
    room = snapshots[0].folder.parent.parent
    leftovers = tuple(one for one in found.leftovers if one.place.is_relative_to(room))
    return ShowResult(plan, snapshots, present.config_of(snapshots[0].folder), leftovers, removal.freed_bytes)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
