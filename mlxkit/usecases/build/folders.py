"""Where the folders of variants are, and whether they are still what was made.

    build/NAME/VARIANT/        complete: every step is done, every gate holds
    build/NAME/.held/VARIANT/  made, and not complete: it is being measured, or a gate fails
    build/NAME/.making/KEY/    what a run has just made, under the key of its inputs
    build/NAME/lock.json       what is known of all of them
    build/NAME/.source/        links to the source's files and to another one's tokenizer, where it has none
    build/NAME/.lock           held while a build is at work

A folder is only ever renamed from one to the next, so that a killed build leaves each in one of these places.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from mlxkit.core.anatomy import parts
from mlxkit.core.errors import MlxkitError, PlanError
from mlxkit.core.record import FILE_NAME
from mlxkit.engines import store
from mlxkit.usecases.build.borrowing import JOINED
from mlxkit.usecases.build.work import Work, digest_of

HELD, MAKING = ".held", ".making"

_SHORT = 16


def staged(work: Work, variant: str) -> Path:
    """Return where a variant stands that can be published."""
    return work.home / variant


def held(work: Work, variant: str) -> Path:
    """Return where a variant stands that cannot, or not yet."""
    return work.home / HELD / variant


def making(work: Work, key: str) -> Path:
    """Return where a run makes what has a key."""
    return work.home / MAKING / key[:_SHORT]


def found(work: Work, variant: str, key: str) -> Path | None:
    """Return where a variant that was made of these inputs stands; None where it is gone, or was changed.

    No weight is read, unless files were touched since.
    """
    known = work.book.entry(variant).known("made", key)
    if known is None:
        return None
    places = (staged(work, variant), held(work, variant), work.home / str(known["at"]))
    return next((folder for folder in places if folder.is_dir() and _is_same(work, variant, folder)), None)


def _is_same(work: Work, variant: str, folder: Path) -> bool:
    entry = work.book.entry(variant)
    done = entry.steps["made"]
    try:
        checkpoint = store.read(str(folder), folder).sound()
        fingerprint = store.fingerprint(checkpoint)
        if fingerprint == done.found["fingerprint"]:
            return True
        digest = store.weights_digest(checkpoint, work.progress, is_kept=work.book.is_kept)
    except (MlxkitError, OSError):
        return False
    beside = done.found["beside"]
    if digest != done.found["digest"] or digest_of(folder, tuple(beside)) != beside:
        return False
    work.book.write({variant: entry.having("made", done.key, {**done.found, "fingerprint": fingerprint})})
    return True


def said_of(work: Work, folder: Path) -> dict[str, object]:
    """Return what the lock says of a folder that a run has made, as JSON; its record tells its digests.

    Raises:
        MlxkitError: it is no checkpoint.
    """
    checkpoint = store.read(str(folder), folder).sound()
    beside = [name for name in checkpoint.files if "/" not in name and name not in (*checkpoint.shards, FILE_NAME)]
    return {
        "at": folder.relative_to(work.home).as_posix(),
        "digest": checkpoint.record["digest"],
        "size_bytes": checkpoint.size_bytes,
        "parameters": max(1, sum(part.parameters for part in parts(checkpoint))),
        "fingerprint": store.fingerprint(checkpoint),
        "beside": digest_of(folder, beside),
        "tensors": dict(checkpoint.record["tensors"]),
    }


def hold(work: Work, variant: str, folder: Path) -> Path:
    """Move a variant to where those are that cannot be published yet; return that place.

    It loses the mark of one that can before it moves. What stood in its place before is gone afterwards.
    """
    entry = work.book.entry(variant)
    if entry.is_publishable:
        work.book.write({variant: replace(entry, is_publishable=False)})
    place = _moved(folder, held(work, variant))
    clear(staged(work, variant))
    return place


def stage(work: Work, variant: str, folder: Path) -> Path:
    """Move a variant to where those are that can be published; return that place."""
    place = _moved(folder, staged(work, variant))
    clear(held(work, variant))
    return place


def _moved(folder: Path, place: Path) -> Path:
    if folder != place:
        clear(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(place)
    return place


def clear(place: Path) -> None:
    """Remove what a build has left in a variant's place.

    Raises:
        PlanError: what is there was not made by mlxkit.
    """
    if not place.exists() and not place.is_symlink():
        return
    aside = place.with_name(f".{place.name}.old")  # renamed first: half a folder never stands in a variant's place
    shutil.rmtree(aside, ignore_errors=True)
    if place.is_symlink() or not place.is_dir() or not (place / FILE_NAME).is_file():
        raise PlanError(f"{str(place)!r} is in the way: mlxkit has not made it.", hint="move it away")
    place.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def tidy(work: Work) -> None:
    """Remove what runs have left that were killed, or whose inputs have changed since."""
    shutil.rmtree(work.home / MAKING, ignore_errors=True)
    if work.recipe.source.tokenizer is None:
        shutil.rmtree(work.home / JOINED, ignore_errors=True)
    for place in (work.home, work.home / HELD):
        for left in place.glob(".*.old"):
            shutil.rmtree(left, ignore_errors=True)
    if (work.home / HELD).is_dir() and not any((work.home / HELD).iterdir()):
        (work.home / HELD).rmdir()
