"""What goes beside weights in a repo is written into a variant's folder, and whether what is there is still it."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlxkit.core.recipes import Publish
from mlxkit.core.releases import key
from mlxkit.engines import ledger
from mlxkit.usecases.build import folders, pacing
from mlxkit.usecases.build.work import Work, digest_of

NOBODY = "your-name"
"""Stands for the owner of repos where neither the recipe nor anybody else names one."""


def repo_of(work: Work, variant: str) -> str:
    """Return the repo that a variant is meant for."""
    return (work.recipe.publish or Publish()).repo_of(variant, NOBODY)


def dress_key(work: Work, variant: str) -> str:
    """Return the key of all that a variant's card depends on: its own measurements, and those that stand beside it."""
    entries = [work.book.entry(one.name) for one in work.recipe.variants]
    ids = [entry.steps[step].found["ids"] for entry in entries for step in ("judged", "timed") if step in entry.steps]
    return key(
        digest=work.book.entry(variant).steps["made"].found["digest"],
        repo=repo_of(work, variant),
        measurements=sorted({one for some in ids for one in some}),
        versions=dict(work.versions),
    )


def is_dressed(work: Work, variant: str, folder: Path) -> bool:
    """Whether a variant's folder has all that belongs beside its weights; a user may have changed it since."""
    known = work.book.entry(variant).known("dressed", dress_key(work, variant))
    return known is not None and all((folder / name).is_file() for name in known["files"])


def dress(work: Work, variant: str, folder: Path) -> None:
    """Write what belongs beside the weights of a variant that is held back.

    What a user has changed since it was written stays.

    Raises:
        MlxkitError: it cannot be written.
    """
    entry = work.book.entry(variant)
    made = work.dress(folder, repo_of(work, variant))
    before: Mapping[str, Any] = entry.steps["dressed"].found["files"] if "dressed" in entry.steps else {}
    there = digest_of(folder, (*before, *made))
    written = {}
    for name, content in made.items():
        sha256 = hashlib.sha256(content).hexdigest()
        if name in before and there.get(name, sha256) not in (before[name], sha256):
            work.notes.append(f"{variant}/{name} was changed since it was written: it stays as it is.")
            written[name] = before[name]
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        ledger.write_whole(folder / name, content, force=True)
        written[name] = sha256
    for name in before:
        if name not in made and there.get(name) == before[name]:
            (folder / name).unlink(missing_ok=True)
    work.book.write({variant: entry.having("dressed", dress_key(work, variant), {"files": written})})
    work.done(variant, "dressed")


def check_key(work: Work, variant: str, folder: Path) -> str:
    """Return the key of all that a check of a dressed variant depends on."""
    steps = work.book.entry(variant).steps
    return key(
        digest=steps["made"].found["digest"],
        beside=steps["made"].found["beside"],
        dressed=digest_of(folder, tuple(steps["dressed"].found["files"])),
        repo=repo_of(work, variant),
        versions=dict(work.versions),
    )


def check(work: Work, variant: str, folder: Path) -> None:
    """Check a variant that is dressed.

    Raises:
        MlxkitError: it cannot be looked at.
    """
    hands, since = work.hands, time.monotonic()
    errors = hands.look(folder, repo_of(work, variant))
    entry = work.book.entry(variant)
    pacing.keep(work, pacing.checking(entry.steps["made"].found["parameters"]), since)
    work.book.write({variant: entry.having("checked", check_key(work, variant, folder), {"errors": list(errors)})})
    work.done(variant, "checked")


def is_checked(work: Work, variant: str, folder: Path) -> bool:
    """Whether a dressed variant was checked as it is now, if its gates ask for that."""
    is_asked = any(one.gates.no_check_errors for one in work.recipe.variants if one.name == variant)
    return not is_asked or work.book.entry(variant).known("checked", check_key(work, variant, folder)) is not None


def is_completed(work: Work, variant: str, folder: Path) -> bool:
    """Whether nothing is left to write into a variant's folder, or to check."""
    return is_dressed(work, variant, folder) and is_checked(work, variant, folder)


def completed(work: Work, variant: str, folder: Path) -> Path:
    """Dress and check a variant, as far as that is not done; return where it is now.

    A folder that is to be changed is held back first: what stands in the place of a variant is complete.

    Raises:
        MlxkitError: it cannot be.
    """
    if not is_dressed(work, variant, folder):
        folder = folders.hold(work, variant, folder)
        dress(work, variant, folder)
    if not is_checked(work, variant, folder):
        folder = folders.hold(work, variant, folder)
        check(work, variant, folder)
    return folder
