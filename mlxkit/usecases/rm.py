"""Models removed from the Hub's cache, and what interrupted fetches left: said first what it frees, then done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError, NotFoundError, PlanError, StoppedError
from mlxkit.core.names import Repo, parse
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.engines import hub as settings
from mlxkit.engines.hub import Hub, holdings
from mlxkit.engines.hub.holdings import Holdings, Leftover, Removal
from mlxkit.engines.hub.layout import Room
from mlxkit.engines.hub.matching import matching
from mlxkit.engines.hub.underway import is_underway

Confirm = Callable[[str], bool]
"""Puts a question to whoever is there, and returns whether the answer is yes."""


@dataclass(frozen=True)
class RmPlan:
    """What to remove.

    Attributes:
        model: a repo, with a revision or without, or the beginning of a commit; None for leftovers of all repos.
        incomplete: remove what interrupted fetches left, and no whole file.
        dry_run: tell what would be done, and touch nothing.
    """

    model: str | None
    incomplete: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class RmResult:
    """What was removed, or would be.

    Attributes:
        plan: what was asked.
        removal: which snapshots and leftovers, and what that frees.
        notes: what stays, and why.
    """

    command: ClassVar[str] = "rm"
    plan: RmPlan
    removal: Removal
    notes: tuple[str, ...] = ()

    @property
    def failure(self) -> MlxkitError | None:
        """None: what cannot be removed is an error."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "is_dry_run": self.plan.dry_run,
            "freed_bytes": self.removal.freed_bytes,
            "revisions": [
                {"repo": one.repo_id, "commit": one.commit, "refs": list(one.refs), "size_bytes": one.size_bytes}
                for one in self.removal.snapshots
            ],
            "leftovers": [{"path": str(one.place), "size_bytes": one.size_bytes} for one in self.removal.leftovers],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        removal = self.removal
        columns = (Column("Model"), Column("Revision"), Column("Size", "bytes"))
        rows = (
            *((one.repo_id, f"{', '.join(one.refs)} {one.commit[:8]}".strip(), one.size_bytes)
              for one in removal.snapshots),
            *((_repo_of(one), "incomplete", one.size_bytes) for one in removal.leftovers),
        )  # fmt: skip
        title = "This would be removed" if self.plan.dry_run else "Removed"
        freed = Fact("Would free" if self.plan.dry_run else "Freed", removal.freed_bytes, "bytes")
        notes = tuple(Note(text) for text in self.notes)
        if not rows:
            return Report("There is nothing to remove", notes=notes)
        return Report(title, (freed,), (Table("What", columns, rows),), notes)


def remove(plan: RmPlan, *, confirm: Confirm | None = None, hub: Hub | None = None) -> RmResult:
    """Remove models from the cache. Nothing is asked of the network.

    Args:
        plan: what to remove.
        confirm: asks before anything is removed; None when nobody can be asked.
        hub: how the Hub is set up; None for how the environment has it.

    Raises:
        NotFoundError: there is no such model in the cache.
        PlanError: what was asked for contradicts itself, or nobody can be asked.
        StoppedError: the answer was no.
        HubError: the cache cannot be written.
    """
    hub = hub or settings.read()
    found = holdings.scan(hub)
    underway = {one for one in found.leftovers if is_underway(hub, one)}
    removal = _planned(plan, hub, found, underway)
    notes = tuple(f"{_repo_of(one)} is being fetched right now: its files stay." for one in underway)
    result = RmResult(plan, removal, tuple(sorted(set(notes))) if plan.incomplete else ())
    if plan.dry_run or not (removal.snapshots or removal.leftovers):
        return result
    question = f"Remove {_told(removal)}, which frees {removal.freed_bytes / 1e6:,.1f} MB?"
    if confirm is None:
        words = [*([plan.model] if plan.model else []), *(["--incomplete"] if plan.incomplete else [])]
        raise PlanError(
            f"{_told(removal)} would be removed, and nobody is here to be asked.",
            hint=f"mlxkit rm {' '.join(words)} --yes",
        )
    if not confirm(question):
        raise StoppedError("Nothing was removed.")
    holdings.remove(hub, removal)
    return result


def _planned(plan: RmPlan, hub: Hub, found: Holdings, underway: set[Leftover]) -> Removal:
    if plan.incomplete:
        left = [one for one in _leftovers(plan, hub, found) if one not in underway]
        return holdings.plan_removal(found, leftovers=left)
    if plan.model is None:
        raise PlanError("Nothing to remove is named.", hint="mlxkit list tells what there is")
    removal = holdings.plan_removal(found, matching(found, plan.model))
    if underway.intersection(removal.leftovers):
        raise PlanError(f"{plan.model!r} is being fetched right now.", hint="wait for it, or stop the other process")
    return removal


def _leftovers(plan: RmPlan, hub: Hub, found: Holdings) -> tuple[Leftover, ...]:
    if plan.model is None:
        return found.leftovers
    name = parse(plan.model)
    if not isinstance(name, Repo):
        raise NotFoundError(f"{plan.model!r} is not in the Hub's cache.", hint="mlxkit list")
    room = Room(hub.cache, name.repo_id).folder
    return tuple(one for one in found.leftovers if one.place.is_relative_to(room))


def _repo_of(leftover: Leftover) -> str:
    room = next((part for part in leftover.place.parts if part.startswith("models--")), leftover.place.name)
    return room.removeprefix("models--").replace("--", "/")


def _told(removal: Removal) -> str:
    repos = sorted({one.repo_id for one in removal.snapshots})
    count = len(removal.snapshots)
    parts = [f"{', '.join(repos)} ({count} revision{'s'[: count != 1]})"] if repos else []
    if removal.leftovers:
        parts.append(f"{len(removal.leftovers)} incomplete file{'s'[: len(removal.leftovers) != 1]}")
    return " and ".join(parts)
