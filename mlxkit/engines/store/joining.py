"""A folder that is made of links to files that lie elsewhere."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mlxkit.engines.store.folders import translated


def joined(place: Path, files: Mapping[str, Path]) -> Path:
    """Make a folder of links, whole or not at all; return it. One that has these links already is not touched.

    Args:
        place: where; what mlxkit has put there before is replaced.
        files: path in the folder to the absolute path of a file.

    Raises:
        DoesNotFitError: the disk is full.
        MlxkitError: it cannot be written.
    """
    if links(place) == files:
        return place
    fresh, old = (place.with_name(f"{place.name}.{word}") for word in ("new", "old"))
    try:
        for left in (fresh, old):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        for name, target in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).symlink_to(target)
        if place.exists():
            place.rename(old)
        fresh.rename(place)
    except OSError as error:
        raise translated(error, place) from error
    shutil.rmtree(old, ignore_errors=True)
    return place


def links(place: Path) -> dict[str, Path]:
    """Return path to what it leads to, of all files in a folder, which need not exist; of no link, itself."""
    found = [path for path in place.rglob("*") if path.is_symlink() or not path.is_dir()]
    return {
        path.relative_to(place).as_posix(): Path(os.readlink(path)) if path.is_symlink() else path  # noqa: PTH115
        for path in found
    }
