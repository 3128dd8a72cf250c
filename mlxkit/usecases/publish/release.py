"""A whole build published: every variant that keeps to its gates, one after the other, and a collection of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.errors import GateError, MlxkitError, NotFoundError
from mlxkit.core.recipes import Publish
from mlxkit.core.releases import FILE_NAME, Lock, parse_lock
from mlxkit.core.report import Column, Note, Report, Table
from mlxkit.engines import hub as settings
from mlxkit.engines.hub import Hub, publishing
from mlxkit.usecases.publish.plan import PublishPlan
from mlxkit.usecases.publish.result import PublishResult
from mlxkit.usecases.publish.verb import Check, Dress, publish


@dataclass(frozen=True)
class ReleasePlan:
    """Which build, and how.

    Attributes:
        folder: of the build, where its lock is.
        owner: of the repos; None for what the recipe says, else whoever is signed in.
        is_public: show them to all; so may the recipe say.
        collection: title of a collection; None for what the recipe says.
        dry_run: tell what would be done, and change nothing.
        force: replace other weights that the repos hold.
    """

    folder: Path
    owner: str | None = None
    is_public: bool = False
    collection: str | None = None
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True)
class ReleaseResult:
    """What became of every variant.

    Attributes:
        plan: what was asked for.
        results: of the variants that keep to their gates.
        held: names of those that do not, or are not complete.
    """

    command: ClassVar[str] = "publish"
    plan: ReleasePlan
    results: tuple[PublishResult, ...]
    held: tuple[str, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """The first variant's failure, or that there is nothing to publish."""
        if not self.results:
            return GateError(
                f"No variant in {str(self.plan.folder)!r} is complete and keeps to its gates.",
                hint="mlxkit build RECIPE tells which gate, and by how much",
            )
        return next((one.failure for one in self.results if one.failure is not None), None)

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "folder": str(self.plan.folder),
            "is_dry_run": self.plan.dry_run,
            "variants": [one.data() for one in self.results],
            "held": list(self.held),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        columns = (Column("Repo"), Column("Size", "bytes"), Column("Sent", "bytes"), Column("What"), Column("See"))
        rows = tuple(_row(one) for one in self.results)
        notes = tuple(Note(f"{name} is held back: it is not complete, or misses a gate.") for name in self.held)
        more = tuple(Note(text) for one in self.results for text in one.notes)
        title = f"{self.plan.folder}: {'what would be published' if self.plan.dry_run else 'published'}"
        return Report(title, (), (Table("Variants", columns, rows),), (*notes, *more))


def release(
    plan: ReleasePlan,
    *,
    check: Callable[[str], Check],
    dress: Dress,
    hub: Hub | None = None,
    **engines: Any,
) -> ReleaseResult:
    """Publish every variant of a build that is complete and keeps to its gates.

    Args:
        plan: which build.
        check: gives what looks for what is wrong with a folder that is to be a repo of that name.
        dress: writes what goes beside the weights, where nobody changed what the build wrote.
        hub: how the Hub is set up; None for how the environment has it.
        engines: whatever else `publish` takes.

    Raises:
        NotFoundError: it is no build.
        IntegrityError: its lock cannot be read.
        MlxkitError: as `publish`; what was published by then stays, and the same command goes on.
    """
    hub = hub or settings.read()
    lock = read_lock(plan.folder)
    wishes = Publish(**lock.publish)
    ready = [name for name, entry in lock.variants.items() if entry.is_publishable]
    account = ""
    if ready and not (plan.owner or wishes.owner or wishes.repo):
        account = publishing.account(hub, ready[0]).name
    results = []
    for name in ready:
        repo = f"{plan.owner}/{name}" if plan.owner else wishes.repo_of(name, account)
        written = lock.variants[name].steps["dressed"].found["files"]
        one = PublishPlan(
            plan.folder / name,
            repo,
            is_public=plan.is_public or wishes.public,
            collection=plan.collection or wishes.collection,
            dry_run=plan.dry_run,
            force=plan.force,
        )
        results.append(publish(one, check=check(repo), dress=dress, hub=hub, written=written, **engines))
    return ReleaseResult(plan, tuple(results), tuple(name for name in lock.variants if name not in ready))


def is_build(folder: Path) -> bool:
    """Whether a folder is that of a build."""
    return (folder.expanduser() / FILE_NAME).is_file()


def read_lock(folder: Path) -> Lock:
    """Return a build's lock.

    Raises:
        NotFoundError: it is no build, or its lock cannot be read.
        IntegrityError: it is none.
    """
    path = folder.expanduser() / FILE_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"{str(folder)!r} is no build: {error.strerror}.", hint="mlxkit build RECIPE") from error
    return parse_lock(content, str(path))


def _row(one: PublishResult) -> tuple[Any, ...]:
    size_bytes = one.what.size_bytes if one.what else None
    sent = sum(file.size_bytes for file in one.to_send)
    return one.plan.repo, size_bytes, sent, one.stage, (one.sent.pr_url or one.sent.url) if one.sent else ""
