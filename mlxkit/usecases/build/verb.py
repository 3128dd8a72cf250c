"""From a recipe to folders that can be published: what is there stays, what is missing is done."""

from collections.abc import Iterable
from pathlib import Path

from mlxkit.core.errors import MlxkitError
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.recipes import Variant
from mlxkit.engines import ledger
from mlxkit.usecases.build import dressing, folders, gating
from mlxkit.usecases.build.book import writing
from mlxkit.usecases.build.making import make
from mlxkit.usecases.build.measuring import Find, judge, time
from mlxkit.usecases.build.opening import HERE, TRUE, Surroundings, Ways, opened, refuse
from mlxkit.usecases.build.plan import BuildPlan
from mlxkit.usecases.build.result import BuildResult, Built
from mlxkit.usecases.build.work import Dress, Engage, Work


def build(
    plan: BuildPlan,
    *,
    engage: Engage,
    dress: Dress,
    progress: Progress | None = None,
    ways: Ways = HERE,
    around: Surroundings = TRUE,
    find: Find = ledger.find,
) -> BuildResult:
    """Make, measure, check and stage the variants of a recipe, as far as that was not done before.

    Killed at any moment, the same plan goes on from there.

    Args:
        plan: what to build.
        engage: gives what does the long work; it is not called when there is none to do.
        dress: writes the card and what belongs to it.
        progress: told how far it is.
        ways: lead from the names of the source and the tokenizer to their folders.
        around: this machine, and devices.
        find: finds measurements in the ledger.

    Raises:
        NotFoundError: there is no such recipe or variant.
        GateError: the source has another license than the recipe expects; no weight was fetched for that.
        PlanError: another build is at work in the recipe's folder.
        StoppedError: the user stopped it; what was done stays.
        MlxkitError: a variant cannot be built, and the plan does not keep going; what was done stays.
    """
    recipe, progress = refuse(plan, ways), progress or Silent()
    with writing(plan.home(recipe), recipe.name) as book:
        work = opened(plan, ways=ways, book=book, dress=dress, engage=engage, progress=progress, around=around)
        return _done(work, find)


def _done(work: Work, find: Find) -> BuildResult:
    """Do what is left to do; return what became of all that was asked for."""
    work.book.pin(work.pinned, work.versions, work.platform, work.recipe.publish)
    variants = work.plan.chosen(work.recipe)
    places = make(work, variants)
    judge(work, places, find)
    time(work, places, find)
    built = tuple(_built(work, variant, places.get(variant.name)) for variant in variants)
    folders.tidy(work)
    notes = tuple(dict.fromkeys((*work.notes, *_owner(work), *_idle(built))))
    return BuildResult(work.plan, work.recipe.name, work.home, work.pinned, built, notes)


def _built(work: Work, variant: Variant, folder: Path | None) -> Built:
    """Return what became of one variant, once it is complete and held against its gates, or has failed."""
    built: list[Built] = []
    if folder is not None and variant.name not in work.failed:
        with work.trying(variant.name):
            built.append(_completed(work, variant, folder))
    return built[0] if built else _failed(work, variant)


def _completed(work: Work, variant: Variant, folder: Path) -> Built:
    gating.fit(work, variant, folder)
    folder = dressing.completed(work, variant.name, folder)
    outcomes, folder = gating.gate(work, variant, folder)
    return Built(variant, work.book.entry(variant.name), folder, outcomes, tuple(work.did.get(variant.name, ())))


def _failed(work: Work, variant: Variant) -> Built:
    error: MlxkitError = work.failed[variant.name]
    return Built(variant, work.book.entry(variant.name), None, (), tuple(work.did.get(variant.name, ())), error)


def _idle(built: Iterable[Built]) -> tuple[str, ...]:
    is_idle = not any(one.did or one.error for one in built)
    return ("Nothing was left to do.",) if is_idle else ()


def _owner(work: Work) -> tuple[str, ...]:
    publish = work.recipe.publish
    is_named = publish is not None and (publish.owner or publish.repo)
    if is_named or not any("dressed" in did for did in work.did.values()):
        return ()
    return (f"The cards call the repos {dressing.NOBODY}/…: publish.owner in the recipe names who publishes them.",)
