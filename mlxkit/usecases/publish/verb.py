"""From a plan to weights in a repo: checked, told, asked, sent, compared, and written down."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlxkit.core.errors import HubError, NotFoundError, PlanError, StoppedError
from mlxkit.core.findings import Finding
from mlxkit.core.located import Located
from mlxkit.core.measurement import Measurement
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.publishing import RemoteRepo, demand_same_weights, missing, stale
from mlxkit.core.sizes import size_text
from mlxkit.engines import hub as settings
from mlxkit.engines import ledger, machine, models, store
from mlxkit.engines.hub import Hub, publishing
from mlxkit.engines.hub.sending import Sent, Target, landed, send
from mlxkit.engines.machine import Machine
from mlxkit.usecases.publish.files import Gathered, gathered
from mlxkit.usecases.publish.plan import PublishPlan
from mlxkit.usecases.publish.recording import written_down
from mlxkit.usecases.publish.result import PublishResult

Check = Callable[[Path], Sequence[Finding]]
"""Looks for what is wrong with a folder."""

Dress = Callable[[Path, str], Mapping[str, bytes]]
"""Writes what goes beside the weights of a folder into a repo of that name: the card, its picture, its results."""

Confirm = Callable[[str], bool]


def publish(
    plan: PublishPlan,
    *,
    check: Check,
    dress: Dress,
    progress: Progress | None = None,
    confirm: Confirm | None = None,
    hub: Hub | None = None,
    record: Callable[[Iterable[Measurement]], object] = ledger.record,
    read_machine: Callable[[], Machine] = machine.read,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
    written: Mapping[str, str] | None = None,
) -> PublishResult:
    """Put a folder of weights into a repo.

    The folder stays as it is, but for the place in its build record that tells where it went.

    Args:
        plan: what to do.
        check: looks for what is wrong with a folder; with errors nothing is published.
        dress: writes what goes beside the weights.
        progress: told the bytes.
        confirm: asks before anything is changed; None when nobody can be asked.
        hub: how the Hub is set up; None for how the environment has it.
        record: puts what was done into the ledger.
        read_machine: describes this machine.
        clock: seconds since 1970.
        sleep: waits between tries.
        written: sha256 of files that an earlier `dress` wrote into the folder, by their paths.

    Raises:
        NotFoundError: there is no such folder, or it cannot be read.
        PlanError: the repo holds other weights, or nobody can be asked.
        StoppedError: the answer was no.
        HubError: the Hub, the network or the sign-in stood in the way.
        IntegrityError: what arrived is not what was sent.
        DoesNotFitError: the disk is full, and where it went could not be written down.
    """
    progress, hub = progress or Silent(), hub or settings.read()
    folder = _folder(plan)
    findings = tuple(check(folder))
    if any(one.severity == "error" for one in findings):
        return PublishResult(plan, findings)
    what = gathered(folder, dress(folder, plan.repo), progress, written=written)
    result, there, target = _planned(plan, findings, what, hub, sleep)
    if plan.dry_run:
        return result
    sent = _arrived(hub, plan, target, what, there, sleep)
    if sent is None:
        _ask(plan, result, confirm)
        sent = _sent(hub, plan, target, what, there, progress, sleep)
    publishing.verify(hub, plan.repo, sent.commit, what.files, sleep=sleep)
    if plan.is_public and (there is None or there.is_private):
        publishing.show_to_all(hub, plan.repo, sleep=sleep)
    collection = publishing.collect(hub, plan.repo, plan.collection, sleep=sleep) if plan.collection else None
    result = replace(result, stage="published", sent=sent, collection=collection)
    measured = _measured(folder, result, what, read_machine(), clock(), progress)
    record([ledger.as_kept(measured)])
    return replace(result, notes=(*result.notes, *written_down(folder, result)))


def _folder(plan: PublishPlan) -> Path:
    folder = plan.folder.expanduser()
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {str(plan.folder)!r}.", hint="mlxkit quantize SRC DEST makes one")
    return folder.resolve()


def _planned(
    plan: PublishPlan, findings: tuple[Finding, ...], what: Gathered, hub: Hub, sleep: Callable[[float], object]
) -> tuple[PublishResult, RemoteRepo | None, Target]:
    """Return what would be done, after all that may be refused was asked; nothing is changed."""
    who = publishing.account(hub, plan.repo, sleep=sleep)
    there = publishing.look(hub, plan.repo, plan.revision, sleep=sleep)
    if plan.is_pr:
        if there is None:
            raise HubError(f"There is no repo {plan.repo!r} to open a pull request in.", hint="leave out --pr")
        who.demand_writing()
    else:
        who.demand(plan.repo)
    held = there.files if there else {}
    if not (plan.force or plan.is_pr):
        demand_same_weights(what.files, held, plan.repo)
    target = Target(
        repo_id=plan.repo,
        revision=plan.revision,
        is_pr=plan.is_pr,
        message=plan.message or f"Publish {plan.repo.partition('/')[2]} with mlxkit",
        parent=there.commit if there else None,
        stale=stale(what.files, held),
    )
    to_send = missing(what.files, held)
    result = PublishResult(
        plan,
        findings,
        stage="planned",
        user=who.name,
        is_new=there is None,
        is_private=there.is_private if there else True,
        what=what,
        to_send=to_send,
        stale=target.stale,
        address=hub.endpoint,
    )
    return result, there, target


def _arrived(
    hub: Hub,
    plan: PublishPlan,
    target: Target,
    what: Gathered,
    there: RemoteRepo | None,
    sleep: Callable[[float], object],
) -> Sent | None:
    """Return the commit that holds everything already, if there is one: an earlier run made it."""
    if there is None:
        return None
    if there.commit is not None and not missing(what.files, there.files) and not target.stale:
        return Sent(there.commit, f"{hub.endpoint}/{plan.repo}/commit/{there.commit}")
    return landed(hub, target, what.files, sleep=sleep) if plan.is_pr else None


def _ask(plan: PublishPlan, result: PublishResult, confirm: Confirm | None) -> None:
    words = f"{size_text(sum(file.size_bytes for file in result.to_send))} into {plan.repo} as {result.user}"
    if confirm is None:
        raise PlanError(
            f"{words} would be sent, and nobody is here to be asked.",
            hint=f"mlxkit publish {plan.folder} {plan.repo} --yes; --dry-run shows what would be done",
        )
    if not confirm(f"Send {words}{', for all to see' if plan.is_public else ''}?"):
        raise StoppedError("Nothing was published.")


def _sent(
    hub: Hub,
    plan: PublishPlan,
    target: Target,
    what: Gathered,
    there: RemoteRepo | None,
    progress: Progress,
    sleep: Callable[[float], object],
) -> Sent:
    if there is None:
        publishing.create(hub, plan.repo, sleep=sleep)
    if plan.revision is not None and (there is None or there.commit is None):
        publishing.branch(hub, plan.repo, plan.revision, sleep=sleep)
    held = publishing.look(hub, plan.repo, plan.revision, sleep=sleep)
    if held is None:
        raise HubError(f"{plan.repo!r} was made, and is not there.", hint="run the same command again")
    target = replace(target, parent=None if plan.is_pr else held.commit)
    files = missing(what.files, held.files)
    done = what.size_bytes - sum(file.size_bytes for file in files)
    with progress.phase("Sending", what.size_bytes, "bytes", done) as advance:
        return send(hub, target, files, what.contents, advance, sleep=sleep)


def _measured(
    folder: Path, result: PublishResult, what: Gathered, here: Machine, now: float, progress: Progress
) -> Measurement:
    """Return that the weights stand in a repo as they are here: every digest of the commit was compared."""
    plan, sent = result.plan, result.demand_sent()
    checkpoint = store.read(str(plan.folder), folder).sound()
    subject = store.subject(checkpoint, Located(folder), progress)
    raw: dict[str, Any] = {"files": {file.path: file.sha256 for file in what.files}}
    return Measurement(
        kind="publication",
        subject=replace(subject, repo=plan.repo, commit=sent.commit),
        workload={"repo": plan.repo, "revision": plan.revision, "is_pr": plan.is_pr},
        machine=here.facts(),
        versions=models.versions(),
        summary={"commit": sent.commit, "url": sent.url, "pr_url": sent.pr_url, "size_bytes": checkpoint.size_bytes},
        raw=raw,
        taken_at=now,
    )
