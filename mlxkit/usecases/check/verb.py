"""From a model's name to everything that is wrong with publishing it."""

from mlxkit.core.checks.origins import Origin, Sources
from mlxkit.core.codes import FAMILIES
from mlxkit.core.findings import Severity
from mlxkit.core.located import Locate, Located
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.record import FILE_NAME
from mlxkit.engines import machine, store
from mlxkit.usecases.check.families import LOOKS, Room, Work
from mlxkit.usecases.check.gathering import gather
from mlxkit.usecases.check.plan import CheckPlan
from mlxkit.usecases.check.result import CheckResult, Looked
from mlxkit.usecases.check.running import Try, in_process
from mlxkit.usecases.check.sources import nowhere, origin_of

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")
_COMPARED = ("files", "license", "upstream")
"""Families for which the original is looked for."""


def check(
    plan: CheckPlan,
    *,
    progress: Progress | None = None,
    locate: Locate = store.local,
    source: Sources = nowhere,
    attempt: Try = in_process,
    room: Room = lambda: machine.read_room().limit_bytes,
) -> CheckResult:
    """Look at a model in every way that matters to whoever publishes it. Nothing is changed.

    Whatever is wrong with the model is a finding.

    Args:
        plan: which model, and which families.
        progress: told the work.
        locate: leads from its name to its folder.
        source: leads to what it was made from; without it no request is made.
        attempt: loads a folder in a fresh process.
        room: tells the bytes that there are for a model.

    Raises:
        NotFoundError: there is no such folder.
        MlxkitError: `locate` cannot come by the model.
    """
    located = locate(plan.model)
    watched = progress or Silent()
    examined = gather(plan.published_as or _name(located), located, _published(located, source))
    origin = Origin()
    if any(plan.wants(family) for family in FAMILIES if family in _COMPARED):
        with watched.phase("Looking for the original", None, "count"):
            origin = origin_of(examined.value(FILE_NAME), examined.card, source)
    work = Work(plan, examined, origin, attempt, room, watched)
    findings = [finding for family in FAMILIES if plan.wants(family) for finding in LOOKS[family](work)]
    looked = tuple(Looked(family, work.said[family]) for family in FAMILIES if family in work.said)
    ordered = sorted(findings, key=lambda finding: _ORDER.index(finding.severity))
    return CheckResult(plan, located, tuple(ordered), looked)


def _name(located: Located) -> str:
    """Return the name by which a model's promises are judged: a folder's own one, wherever it lies."""
    return located.repo or located.folder.name


def _published(located: Located, source: Sources) -> frozenset[str]:
    """Return what is in a model's own repo, as far as it can be asked: only part of it was fetched."""
    newest = source(located.repo, None) if located.repo is not None else None
    return newest.files if newest is not None and newest.commit == located.commit else frozenset()
