"""What to publish, and where."""

from dataclasses import dataclass
from pathlib import Path

from mlxkit.core.errors import PlanError
from mlxkit.core.names import Repo, parse


@dataclass(frozen=True)
class PublishPlan:
    """What to publish, and where.

    Attributes:
        folder: the weights, with all that belongs to them.
        repo: ``owner/name``.
        is_public: show it to all once it has arrived; else a new repo is private, and an old one stays what it is.
        is_pr: open a pull request instead of changing the repo.
        revision: a branch, which is made if there is none; None for the main branch.
        message: of the commit; None for one that names the weights.
        collection: title of a collection of the repo's owner that it is put into; None for none.
        dry_run: tell what would be done, and change nothing.
        force: replace other weights that the repo holds.

    Raises:
        PlanError: it contradicts itself, or the repo's name is none.
        NotFoundError: the Hub allows no such name.
    """

    folder: Path
    repo: str
    is_public: bool = False
    is_pr: bool = False
    revision: str | None = None
    message: str | None = None
    collection: str | None = None
    dry_run: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        named = parse(self.repo)
        if not isinstance(named, Repo) or named.is_completed or named.revision is not None:
            raise PlanError(f"{self.repo!r} is no repo's name: expected owner/name.", hint="mlxkit publish --help")
        if self.is_pr and (self.revision or self.is_public):
            raise PlanError(
                "A pull request is made against the main branch, and leaves the repo as visible as it is.",
                hint="leave out --revision and --public, or --pr",
            )
        if self.message is not None and not self.message.strip():
            raise PlanError("The commit's message is empty.", hint="leave --message out")
