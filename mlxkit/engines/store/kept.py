"""What is kept between runs because it took long to find: files named after all that they depend on.

Anything here may be deleted at any time; it costs time only. The least recently used files go when there are too many.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from mlxkit.core.checkpoint import Checkpoint

LIMIT_BYTES = 20 * 10**9
"""How much is kept."""


def cache_folder() -> Path:
    """Return the folder: `MLXKIT_CACHE`, or the system's place for caches."""
    named = os.environ.get("MLXKIT_CACHE")
    return Path(named).expanduser() if named else user_cache_path("mlxkit")


def kept(kind: str, key: Mapping[str, Any], suffix: str = "") -> Path:
    """Return the path of what depends on a key; whether it exists is for the caller to see.

    Args:
        kind: what it is; the name of its folder.
        key: all that it depends on, as JSON.
        suffix: of the file, such as ``.safetensors``; without one it is a folder's path.
    """
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    path = cache_folder() / kind / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        os.utime(path)
    return path


def keep(path: Path, content: bytes) -> None:
    """Write a kept file, whole or not at all."""
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    partial.write_bytes(content)
    partial.replace(path)


def drop(path: Path) -> None:
    """Remove a kept file or folder."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def tidy(limit_bytes: int = LIMIT_BYTES) -> None:
    """Remove what was used least recently until at most `limit_bytes` are kept."""
    folder = cache_folder()
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    facts = sorted(((path.stat().st_mtime, path.stat().st_size, path) for path in files), reverse=True)
    total = 0
    for _, size_bytes, path in facts:
        total += size_bytes
        if total > limit_bytes:
            path.unlink(missing_ok=True)


def fingerprint(checkpoint: Checkpoint) -> str:
    """Return what tells a checkpoint's weights and config from others', without reading them.

    Of each shard its name, size and time of change stand for its content: a kept result is worth no more than that.
    """
    shards = []
    for name in checkpoint.shards:
        path = (checkpoint.folder / name).resolve()
        facts = path.stat()
        shards.append([name, path.name, facts.st_size, facts.st_mtime_ns])
    text = json.dumps([dict(checkpoint.config), shards], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
