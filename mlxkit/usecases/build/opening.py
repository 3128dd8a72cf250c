"""From a plan to work: the recipe is read, its source found, pinned, and refused where its license is another one."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device
from mlxkit.core.errors import GateError
from mlxkit.core.fetching import tokenizer_of
from mlxkit.core.located import Locate, Located
from mlxkit.core.output import source_license
from mlxkit.core.progress import Progress
from mlxkit.core.recipes import Recipe
from mlxkit.core.releases import Pinned, PinnedTokenizer, key
from mlxkit.core.software import versions
from mlxkit.engines import machine, store
from mlxkit.engines.machine import Machine
from mlxkit.usecases.build import borrowing
from mlxkit.usecases.build.book import Book
from mlxkit.usecases.build.plan import BuildPlan
from mlxkit.usecases.build.work import Dress, Engage, Hands, Work, digest_of, name_of

_CARD = "README.md"


@dataclass(frozen=True)
class Surroundings:
    """What the engines tell of this machine and of devices.

    Attributes:
        read_machine: describes this machine.
        known_devices: gives the devices that names mean.
    """

    read_machine: Callable[[], Machine] = machine.read
    known_devices: Callable[[], tuple[Device, ...]] = store.known_devices


TRUE = Surroundings()
"""What there really is."""


@dataclass(frozen=True)
class Ways:
    """What leads from names to folders.

    Attributes:
        locate: to a whole checkpoint.
        tokenizer: to at least the tokenizer of one; None for the same way.
        look: to what can be looked at before anything is fetched; None to look at nothing but what is on this disk.
    """

    locate: Locate = store.local
    tokenizer: Locate | None = None
    look: Locate | None = None


HERE = Ways()
"""Everything is on this disk."""


def refuse(plan: BuildPlan, ways: Ways, book: Book | None = None) -> Recipe:
    """Refuse what can be known to be wrong before a weight is fetched or a file is written; return the recipe.

    Args:
        plan: what to build.
        ways: lead from the source's name to what can be looked at.
        book: what is written down; None for what stands in the recipe's own folder.

    Raises:
        NotFoundError: there is no such recipe or variant.
        PlanError: the recipe is not understood.
        GateError: the source has another license than the recipe expects.
        MlxkitError: the source cannot be had.
    """
    recipe = store.read_recipe(plan.path)
    plan.chosen(recipe)
    look = ways.look if recipe.source.is_remote else ways.locate
    if look is not None and recipe.source.license is not None:
        book = book or Book(plan.home(recipe), recipe.name)
        located = look(_source_name(plan, recipe, book.lock.source))
        demand_license(recipe, store.read(recipe.source.repo, located.folder))
    return recipe


def opened(
    plan: BuildPlan,
    *,
    ways: Ways,
    book: Book,
    dress: Dress,
    engage: Engage,
    progress: Progress,
    around: Surroundings = TRUE,
) -> Work:
    """Return the work that a plan asks for.

    Args:
        plan: what to build.
        ways: lead from the names of the source and the tokenizer to their folders.
        book: what is written down.
        dress: writes the card and what belongs to it.
        engage: gives the hands.
        progress: told the bytes read.
        around: this machine, and devices.

    Raises:
        NotFoundError: there is no such recipe or variant.
        PlanError: the recipe is not understood.
        GateError: the source has another license than the recipe expects.
        MlxkitError: the source or its tokenizer cannot be had.
    """
    recipe, located, source, license_ = _found(plan, book, ways.locate)
    known = book.lock.source
    tokenizer: PinnedTokenizer | None = None
    whole = located
    if recipe.source.tokenizer is not None:
        locate = ways.tokenizer or ways.locate
        tokenizer, files = borrowing.borrowed(recipe.source.tokenizer, plan.folder, book.home, known, locate)
        joined = borrowing.join(book.home, source, files)
        whole = replace(located, folder=joined, tokenizer=store.shown(tokenizer.title))
        store.read(recipe.source.repo, whole.folder).sound()
    pinned = _pinned(recipe, located, source, _digest(book, source, progress), license_, tokenizer)
    return _work(plan, recipe, book, (whole, pinned), around, dress=dress, engage=engage, progress=progress)


def seen(
    plan: BuildPlan, *, look: Locate, book: Book, progress: Progress, around: Surroundings = TRUE
) -> tuple[Work, Checkpoint]:
    """Return the work that a plan asks for, to be looked at only, and its source, whose weights may be holes.

    Nothing is written, and no tokenizer is fetched. What cannot be known without the source's weights is taken from
    the book while its commit is the same; else the source is like no other.

    Args:
        plan: what to build.
        look: leads from the source's name to what can be looked at.
        book: what is written down.
        progress: told the bytes read.
        around: this machine, and devices.

    Raises:
        NotFoundError: there is no such recipe or variant.
        PlanError: the recipe is not understood.
        GateError: the source has another license than the recipe expects.
        MlxkitError: the source cannot be had.
    """
    recipe, located, source, license_ = _found(plan, book, look)
    known = book.lock.source
    wanted = recipe.source.tokenizer
    tokenizer = borrowing.foreseen(wanted, plan.folder, known) if wanted is not None else None
    told = (recipe.source.repo, located.commit, tokenizer)
    if known is not None and located.commit is not None and told == (known.name, known.commit, known.tokenizer):
        pinned = known
    else:
        digest = _seen_digest(book, located, source, progress)
        pinned = _pinned(recipe, located, source, digest, license_, tokenizer)
    work = _work(plan, recipe, book, (located, pinned), around, dress=_bare, engage=_nobody, progress=progress)
    return work, source


def _found(plan: BuildPlan, book: Book, locate: Locate) -> tuple[Recipe, Located, Checkpoint, str | None]:
    """Return the recipe, where its source is, what is there, and the license, which is the one that is expected."""
    recipe = store.read_recipe(plan.path)
    plan.chosen(recipe)
    located = locate(_source_name(plan, recipe, book.lock.source))
    source = _read(recipe, located)
    return recipe, located, source, demand_license(recipe, source)


def platform_of(here: Machine) -> dict[str, str]:
    """Return what decides about bytes, besides versions, as the build record has it."""
    return {"system": platform.system(), "machine": platform.machine(), "device": here.device or "unknown"}


def demand_license(recipe: Recipe, checkpoint: Checkpoint) -> str | None:
    """Return the license of a source.

    Raises:
        GateError: it is another one than the recipe expects.
    """
    wanted, found = recipe.source.license, source_license(checkpoint)
    if wanted is not None and (found or "").casefold() != wanted.casefold():
        raise GateError(
            f"The license of {recipe.source.repo!r} is {found or 'not told'}, and the recipe expects {wanted}.",
            hint="read it, then change source.license in the recipe; nothing was made",
        )
    return found


def _source_name(plan: BuildPlan, recipe: Recipe, known: Pinned | None) -> str:
    """Return what the source is found by: at its commit where the recipe or an earlier build names one."""
    source = recipe.source
    held = known.commit if known is not None and known.name == source.repo else None
    return name_of(source.repo, plan.folder, source.revision or held)


def _read(recipe: Recipe, located: Located) -> Checkpoint:
    needs_tokenizer = recipe.source.tokenizer is None
    return store.read(recipe.source.repo, located.folder, needs_tokenizer=needs_tokenizer).sound()


def _seen_digest(book: Book, located: Located, source: Checkpoint, progress: Progress) -> str:
    """Return the digest of a source's weights; nothing where it is not known, or needed for nothing."""
    return _digest(book, source, progress) if book.lock.source is not None and located.has_weights else ""


def _digest(book: Book, source: Checkpoint, progress: Progress) -> str:
    """Return the digest of a source's weights, which are read unless the book knows these very files."""
    known = book.lock.source
    if known is not None and known.fingerprint == store.fingerprint(source):
        return known.digest
    return store.weights_digest(source, progress, is_kept=book.is_kept)


def _pinned(
    recipe: Recipe,
    located: Located,
    source: Checkpoint,
    digest: str,
    license_: str | None,
    tokenizer: PinnedTokenizer | None,
) -> Pinned:
    """Return what a source is; of files that make way for another one's tokenizer nothing depends."""
    # The card is no part of what is made; its license is asked for apart.
    others = {*source.shards, _CARD, *(tokenizer_of(source.files) if tokenizer else ())}
    beside = [name for name in source.files if "/" not in name and name not in others and not name.startswith(".")]
    borrowed = {"tokenizer": tokenizer.digest} if tokenizer else {}
    return Pinned(
        name=recipe.source.repo,
        commit=located.commit,
        license=license_,
        digest=digest,
        beside=key(files=digest_of(located.folder, beside), **borrowed),
        fingerprint=store.fingerprint(source),
        tokenizer=tokenizer,
    )


def _work(
    plan: BuildPlan,
    recipe: Recipe,
    book: Book,
    source: tuple[Located, Pinned],
    around: Surroundings,
    *,
    dress: Dress,
    engage: Engage,
    progress: Progress,
) -> Work:
    here, (located, pinned) = around.read_machine(), source
    return Work(
        plan=plan,
        recipe=recipe,
        folder=plan.folder,
        book=book,
        located=located,
        pinned=pinned,
        versions=versions(),
        platform=platform_of(here),
        machine=here.facts(),
        devices=around.known_devices(),
        progress=progress,
        dress=dress,
        engage=engage,
    )


def _bare(_folder: Path, _repo: str) -> Mapping[str, bytes]:
    return {}


def _nobody(_work: Work) -> Hands:
    raise AssertionError("what is only looked at needs no hands")
