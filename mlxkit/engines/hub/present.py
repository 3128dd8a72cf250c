"""A checkpoint that the cache has, told from the cache alone: its files, their digests, whether they still have them.

A file of a snapshot is a link, and what it points to is named by the digest that the Hub gave for it.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlxkit.core.fetching import FetchPlan, PlannedFile, RemoteFile
from mlxkit.core.progress import Progress
from mlxkit.engines.hub.cache import Cached
from mlxkit.engines.hub.layout import writing
from mlxkit.engines.hub.partial import digest_file

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


def plan_of(cached: Cached, revision: str) -> FetchPlan:
    """Return a checkpoint of the cache as a plan with nothing to fetch.

    Args:
        cached: the checkpoint.
        revision: as which it was asked for.
    """
    files = sorted(path for path in cached.folder.rglob("*") if path.is_file())
    found = [_file(cached.folder, path) for path in files]
    return FetchPlan(
        cached.repo_id, revision, cached.commit, tuple(PlannedFile(file, file.size_bytes) for file in found)
    )


def wrong_files(cached: Cached, plan: FetchPlan, progress: Progress) -> tuple[RemoteFile, ...]:
    """Return the files whose content has not the digest that the Hub gave for it, or for which none is known here.

    Args:
        cached: the checkpoint.
        plan: its files.
        progress: told the bytes that were read.

    Raises:
        HubError: a file cannot be read.
    """
    wrong = []
    with writing(cached.folder), progress.phase(f"checking {plan.repo_id}", plan.total_bytes, "bytes") as advance:
        for planned in plan.files:
            file = planned.file
            if not file.blob or digest_file(cached.folder / file.path, file, advance) != file.blob:
                wrong.append(file)
    return tuple(wrong)


def config_of(folder: Path) -> Mapping[str, Any]:
    """Return config.json of a snapshot as it is; nothing, when it is not there or no JSON object."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _file(folder: Path, path: Path) -> RemoteFile:
    # Only the first link: blobs of the library may be links themselves, to contents named in another way.
    name = path.readlink().name if path.is_symlink() else ""
    sha256 = name if _SHA256.fullmatch(name) else None
    return RemoteFile(
        path.relative_to(folder).as_posix(), path.stat().st_size, sha256, name if _SHA1.fullmatch(name) else ""
    )
