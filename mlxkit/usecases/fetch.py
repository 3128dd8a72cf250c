"""From the Hub to a verified checkpoint on this disk: asked once what it is, planned, fetched, checked."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core import fetching
from mlxkit.core.disk import check_disk
from mlxkit.core.errors import DoesNotFitError, IntegrityError, MlxkitError, PlanError, StoppedError
from mlxkit.core.located import Located, Terms, remarks, repo_of
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.core.wording import few
from mlxkit.engines import hub as settings
from mlxkit.engines import store
from mlxkit.engines.hub import Hub, asked, cache, download, holdings, present
from mlxkit.engines.hub.download import Fetched, FetchedFile
from mlxkit.engines.hub.layout import Room

LARGE_BYTES = 20 * 10**9
"""Above that, whoever is there is asked before anything is fetched."""

_MAIN = "main"

Confirm = Callable[[str], bool]
"""Puts a question to whoever is there, and returns whether the answer is yes."""


@dataclass(frozen=True)
class FetchPlan:
    """What to fetch.

    Attributes:
        model: `owner/name`, `owner/name@revision` or a bare name. A folder and ``tiny`` are there already.
        terms: at which revision, and with which requests.
        to: make this plain folder, besides.
        include: when given, fetch the files that match one of these patterns instead.
        exclude: leave those that match one of these.
        force: replace an existing `to`.
        verify: check what is here already, too.
        dry_run: tell what would be done, and touch nothing.
    """

    model: str
    terms: Terms = field(default_factory=Terms)
    to: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force: bool = False
    verify: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class FetchResult:
    """What became of it.

    Attributes:
        plan: what was asked.
        folder: where the checkpoint is, or would be.
        chosen: the commit and its files; None for a model that needs no fetching.
        done: what became of each file; None when nothing was done.
        free_bytes: on the disk of the cache, before anything was fetched.
        shortage: why it does not fit, for a plan that was only to be told.
        notes: what was understood by the name.
    """

    command: ClassVar[str] = "fetch"
    plan: FetchPlan
    folder: Path
    chosen: fetching.FetchPlan | None = None
    done: Fetched | None = None
    free_bytes: int | None = None
    shortage: DoesNotFitError | None = None
    notes: tuple[str, ...] = ()

    @property
    def failure(self) -> MlxkitError | None:
        """The disk, when it is too small for what was planned."""
        return self.shortage

    @property
    def located(self) -> Located:
        """Where the checkpoint is now."""
        chosen = self.chosen
        return Located(self.folder, chosen.repo_id, chosen.commit) if chosen else Located(self.folder)

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        chosen, done = self.chosen, self.done
        planned = chosen.files if chosen else ()
        outcomes: Iterable[FetchedFile | None] = done.files if done else [None] * len(planned)
        return {
            "model": self.plan.model,
            "repo": chosen and chosen.repo_id,
            "revision": chosen and chosen.revision,
            "commit": chosen and chosen.commit,
            "folder": str(self.folder),
            "is_dry_run": self.plan.dry_run,
            "total_bytes": chosen and chosen.total_bytes,
            "to_fetch_bytes": chosen and chosen.fetch_bytes,
            "free_bytes": self.free_bytes,
            "fetched_bytes": done and done.fetched_bytes,
            "reused_bytes": done and done.reused_bytes,
            "retries": done and done.retries,
            "seconds": done and done.seconds,
            "files": [_file_data(one, outcome) for one, outcome in zip(planned, outcomes, strict=True)],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        notes = tuple(Note(text) for text in self.notes)
        if self.chosen is None:
            return Report(self.plan.model, (Fact("Folder", str(self.folder)),), (), notes)
        facts = (
            Fact("Commit", self.chosen.commit),
            Fact("Files", len(self.chosen.files), "count"),
            Fact("Size", self.chosen.total_bytes, "bytes"),
            *(self._done_facts(self.done) if self.done else self._plan_facts(self.chosen)),
            Fact("Folder", str(self.folder)),
        )
        columns = (Column("File"), Column("Size", "bytes"), Column("To fetch", "bytes"))
        rows = tuple((one.file.path, one.file.size_bytes, one.fetch_bytes) for one in self.chosen.files)
        tables = (Table("Files", columns, rows),) if self.plan.dry_run else ()
        return Report(f"{self.chosen.repo_id} at {self.chosen.revision}", facts, tables, notes)

    def _plan_facts(self, chosen: fetching.FetchPlan) -> tuple[Fact, ...]:
        return (
            Fact("  here already", chosen.present_bytes, "bytes"),
            Fact("  to fetch", chosen.fetch_bytes, "bytes"),
            Fact("Free disk", self.free_bytes, "bytes"),
        )

    def _done_facts(self, done: Fetched) -> tuple[Fact, ...]:
        checked = sum(one.is_checked for one in done.files)
        digests = f"{checked} of {len(done.files)} checked" if checked else "checked when it was fetched"
        return (
            Fact("  here already", done.reused_bytes, "bytes"),
            Fact("  fetched", done.fetched_bytes, "bytes"),
            Fact("Digests", digests),
            *([Fact("Retries", done.retries, "count")] if done.retries else []),
            Fact("Took", done.seconds, "seconds"),
        )


def fetch(
    plan: FetchPlan, *, progress: Progress | None = None, confirm: Confirm | None = None, hub: Hub | None = None
) -> FetchResult:
    """Bring a checkpoint to this disk. What is here is used as it is, unless more is asked for.

    Args:
        plan: what to fetch.
        progress: told of the whole and of each file.
        confirm: asks before much is fetched; None when nobody can be asked.
        hub: how the Hub is set up; None for how the environment has it.

    Raises:
        MlxkitError: it cannot be had, and why.
    """
    if store.is_local(plan.model):
        return _nothing(plan)
    if plan.to is not None:
        store.refuse_existing(plan.to, force=plan.force)
    hub, progress, begin = _hub(plan, hub), progress or Silent(), time.monotonic()
    repo = repo_of(plan.model, plan.terms)
    chosen = _here(plan, hub, progress)
    is_here = chosen is not None
    chosen = chosen or asked.plan_of(hub, repo, plan.include, plan.exclude)
    kept, free = Room(hub.cache, chosen.repo_id).snapshot(chosen.commit), cache.free_bytes(hub.cache)
    notes = remarks(plan.model, repo, chosen.repo_id)
    result = FetchResult(plan, plan.to or kept, chosen, free_bytes=free, notes=notes)
    shortage = _shortage(plan, hub, chosen)
    if plan.dry_run:
        return replace(result, shortage=shortage)
    if shortage:
        raise shortage
    if is_here:
        done = Fetched(kept, _reused(chosen, is_checked=plan.verify), time.monotonic() - begin)
    else:
        _ask(plan, chosen, confirm)
        done = download.fetch(hub, chosen, asked=repo.repo_id, verify=plan.verify, progress=progress)
    if plan.to is not None:
        _copy(plan, plan.to, kept, chosen, progress)
    return replace(result, done=done)


def outline(plan: FetchPlan, folder: Path, *, hub: Hub | None = None) -> tuple[Located, tuple[str, ...]]:
    """Return where a model can be looked at, and what was understood by its name. No weight is fetched.

    Args:
        plan: which model; with `include`, of one that is not here nothing else is asked for.
        folder: empty; a model that is not here is outlined in it.
        hub: how the Hub is set up; None for how the environment has it.

    Raises:
        MlxkitError: it cannot be had, and why.
    """
    if store.is_local(plan.model):
        return _nothing(plan).located, ()
    hub, repo = _hub(plan, hub), repo_of(plan.model, plan.terms)
    located = held(plan, hub=hub) or asked.outline(hub, repo, folder, plan.include)
    return located, remarks(plan.model, repo, located.repo or repo.repo_id)


def held(plan: FetchPlan, *, hub: Hub | None = None) -> Located | None:
    """Return where the cache has the whole checkpoint; None when it has not, or the Hub is to be asked. No request.

    Args:
        plan: which model; a repo.
        hub: how the Hub is set up; None for how the environment has it.

    Raises:
        PlanError: the terms contradict the name, or each other.
        NotFoundError: it is no repo's name.
    """
    repo = repo_of(plan.model, plan.terms)
    found = None if plan.terms.refresh else cache.find(_hub(plan, hub), repo.repo_id, repo.revision)
    return Located(found.folder, found.repo_id, found.commit) if found else None


def _nothing(plan: FetchPlan) -> FetchResult:
    folder = store.locate(plan.model)
    if plan.terms.revision is not None or plan.to is not None:
        raise PlanError(
            f"{plan.model!r} is on this disk: it has no revisions, and is not fetched.", hint="name a repo: owner/name"
        )
    return FetchResult(plan, folder, notes=("It is on this disk: nothing is to be fetched.",))


def _hub(plan: FetchPlan, hub: Hub | None) -> Hub:
    hub = hub or settings.read()
    return replace(hub, is_offline=True) if plan.terms.offline else hub


def _here(plan: FetchPlan, hub: Hub, progress: Progress) -> fetching.FetchPlan | None:
    """Return the checkpoint of the cache, when the Hub need not be asked; with `verify`, after it was checked."""
    repo = repo_of(plan.model, plan.terms)
    if plan.terms.refresh or plan.include or plan.exclude:
        return None
    held = cache.find(hub, repo.repo_id, repo.revision)
    if held is None:
        return None
    chosen = present.plan_of(held, repo.revision or _MAIN)
    wrong = present.wrong_files(held, chosen, progress) if plan.verify and not plan.dry_run else ()
    if wrong and hub.is_offline:
        raise IntegrityError(
            f"{len(wrong)} of {len(chosen.files)} files of {held.repo_id!r} are not what the Hub gave: "
            f"{few([file.path for file in wrong])}.",
            hint=f"mlxkit fetch {plan.model} --verify, without --offline, fetches them again",
        )
    return None if wrong else chosen


def _shortage(plan: FetchPlan, hub: Hub, chosen: fetching.FetchPlan) -> DoesNotFitError | None:
    needed = chosen.fetch_bytes
    try:
        if plan.to is not None and store.is_same_disk(plan.to, hub.cache):
            needed += chosen.total_bytes
        elif plan.to is not None:
            hint = "free some space, or name a folder on another disk"
            check_disk(chosen.total_bytes, cache.free_bytes(plan.to), str(plan.to), hint)
        check_disk(needed, cache.free_bytes(hub.cache), str(hub.cache), cache.FREE_SPACE)
    except DoesNotFitError as error:
        return error
    return None


def _ask(plan: FetchPlan, chosen: fetching.FetchPlan, confirm: Confirm | None) -> None:
    if chosen.fetch_bytes <= LARGE_BYTES:
        return
    size = f"{chosen.fetch_bytes / 1e9:.0f} GB"
    if confirm is None:
        raise PlanError(
            f"{chosen.repo_id!r} is {size} to fetch, and nobody is here to be asked.",
            hint=f"mlxkit fetch {plan.model} --yes",
        )
    if not confirm(f"Fetch {size} of {chosen.repo_id}?"):
        raise StoppedError("Nothing was fetched.", hint=f"mlxkit fetch {plan.model} --dry-run lists what there is")


def _reused(chosen: fetching.FetchPlan, *, is_checked: bool) -> tuple[FetchedFile, ...]:
    return tuple(FetchedFile(one.file, 0, one.file.size_bytes, 0, 0.0, is_checked) for one in chosen.files)


def _copy(plan: FetchPlan, to: Path, kept: Path, chosen: fetching.FetchPlan, progress: Progress) -> None:
    paths = [one.file.path for one in chosen.files]
    with (
        store.replacing(to, source=kept, force=plan.force) as partial,
        progress.phase(f"copying to {to.name}", chosen.total_bytes, "bytes") as advance,
    ):
        holdings.copy(kept, paths, partial, advance)


def _file_data(planned: fetching.PlannedFile, outcome: FetchedFile | None) -> dict[str, Any]:
    file = planned.file
    return {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "git_sha1": None if file.sha256 else file.blob_sha1,
        "to_fetch_bytes": planned.fetch_bytes,
        "fetched_bytes": outcome and outcome.fetched_bytes,
        "reused_bytes": outcome and outcome.reused_bytes,
        "retries": outcome and outcome.retries,
        "seconds": outcome and outcome.seconds,
        "is_checked": outcome and outcome.is_checked,
    }
