"""Whether a recipe still makes what a lock tells of: weights are made anew, aside, and compared tensor by tensor."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from mlxkit.core.errors import GateError, MlxkitError, NotFoundError, PlanError
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.releases import Lock
from mlxkit.core.report import Column, Fact, Report, Table
from mlxkit.core.wording import few
from mlxkit.engines import models, store
from mlxkit.usecases.build.book import Book, read_lock
from mlxkit.usecases.build.making import make
from mlxkit.usecases.build.opening import HERE, TRUE, Surroundings, Ways, opened, refuse
from mlxkit.usecases.build.plan import BuildPlan
from mlxkit.usecases.build.work import Engage, Work

TOLERANCE = 0.01
"""How far weights that were made on another platform may be apart, as a share of them: a code may round otherwise."""


@dataclass(frozen=True)
class Verified:
    """What came of one variant.

    Attributes:
        name: the variant's.
        digest: of the weights that were made anew.
        differing: tensors whose bytes are not those of the lock, or of the folder beside it.
        apart: the largest share by which a weight's numbers differ; None where bytes are asked for.
        is_same: it is what the lock tells of.
    """

    name: str
    digest: str
    differing: tuple[str, ...]
    apart: float | None
    is_same: bool

    @property
    def said(self) -> str:
        """What came of it, in words."""
        if not self.differing:
            return "identical"
        if self.apart is not None and self.is_same:
            return f"equal within tolerance {TOLERANCE:g} (made on another platform): {self.apart:.2g} at most"
        return f"different: {few(self.differing)}"

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "digest": self.digest,
            "is_same": self.is_same,
            "differing": list(self.differing),
            "apart": self.apart,
            "tolerance": None if self.apart is None else TOLERANCE,
        }


@dataclass(frozen=True)
class VerifyResult:
    """What was compared.

    Attributes:
        plan: what was asked.
        lock: the file.
        verified: every variant, in the recipe's order.
    """

    command: ClassVar[str] = "build"
    plan: BuildPlan
    lock: Path
    verified: tuple[Verified, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """That weights differ."""
        wrong = next((one for one in self.verified if not one.is_same), None)
        if wrong is None:
            return None
        return GateError(
            f"{wrong.name!r} is not what the lock tells of: {few(wrong.differing)}.",
            hint="the weights beside the lock were changed, or are made differently now",
        )

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {"lock": str(self.lock), "variants": [one.data() for one in self.verified]}

    def report(self) -> Report:
        """Return what a reader sees."""
        rows = tuple((one.name, one.said) for one in self.verified)
        table = Table("Variants", (Column("Variant"), Column("Made anew")), rows)
        return Report("Made anew and compared", (Fact("Lock", str(self.lock)),), (table,))


def verified(
    plan: BuildPlan,
    lock: Path,
    *,
    engage: Engage,
    ways: Ways = HERE,
    progress: Progress | None = None,
    around: Surroundings = TRUE,
) -> VerifyResult:
    """Make variants anew in a folder that is removed afterwards, and compare them with a lock.

    Where the lock's folder stands beside it, its weights are read too: they have to be what the lock says.

    Args:
        plan: which recipe, and which of its variants; those that the lock does not know are left out.
        lock: what they have to be.
        engage: gives the hands.
        ways: lead from the names of the source and the tokenizer to their folders.
        progress: told how far it is.
        around: this machine, and devices.

    Raises:
        NotFoundError: there is no such lock, or it tells of none of the variants.
        PlanError: the source is not the one of the lock.
        MlxkitError: a variant cannot be made.
    """
    told = read_lock(lock)
    plan = replace(plan, keep_going=False)
    with TemporaryDirectory(prefix="mlxkit-verify-") as aside:
        book = Book(Path(aside) / "made", told.recipe)
        book.lock = Lock(told.recipe, told.source)  # its commit is kept to
        refuse(plan, ways, book)
        work = opened(
            plan, ways=ways, book=book, dress=_bare, engage=engage, progress=progress or Silent(), around=around
        )
        _demand_same_source(work, told)
        variants = [one for one in plan.chosen(work.recipe) if "made" in told.entry(one.name).steps]
        if not variants:
            raise NotFoundError(f"{str(lock)!r} tells of none of the variants.", hint=f"mlxkit build {plan.recipe}")
        places = make(work, variants)
        is_elsewhere = (dict(told.versions), dict(told.platform)) != (dict(work.versions), dict(work.platform))
        found = tuple(
            _compared(work, told, one.name, (places[one.name], _beside(lock, one.name)), is_elsewhere=is_elsewhere)
            for one in variants
        )
    return VerifyResult(plan, lock, found)


def _bare(_folder: Path, _repo: str) -> Mapping[str, bytes]:
    return {}


def _beside(lock: Path, variant: str) -> Path | None:
    places = (lock.parent / variant, lock.parent / ".held" / variant)
    return next((place for place in places if place.is_dir()), None)


def _demand_same_source(work: Work, told: Lock) -> None:
    if told.source is not None and told.source.digest != work.pinned.digest:
        raise PlanError(
            f"{work.recipe.source.repo!r} holds other weights than those that the lock tells of.",
            hint="name the recipe and the source that the lock was written for",
        )


def _compared(
    work: Work, told: Lock, variant: str, places: tuple[Path, Path | None], *, is_elsewhere: bool
) -> Verified:
    anew, beside = places
    new = store.read(variant, anew).sound()
    wanted: Mapping[str, str] = told.entry(variant).steps["made"].found["tensors"]
    differing = _differing(wanted, store.tensor_digests(new, work.progress))
    digest = str(new.record["digest"])
    if beside is None:
        return Verified(variant, digest, differing, None, not differing)
    old = store.read(variant, beside).sound()
    changed = _differing(wanted, store.tensor_digests(old, work.progress))
    if changed or not (differing and is_elsewhere):
        both = tuple(sorted({*differing, *changed}))
        return Verified(variant, digest, both, None, not both)
    apart = models.differences(old, new)
    far = tuple(name for name, share in apart.items() if share > TOLERANCE)
    return Verified(variant, digest, far or differing, max(apart.values()), not far)


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))
