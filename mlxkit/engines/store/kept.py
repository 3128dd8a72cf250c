"""What is kept between runs because it took long to find: files named after all that they depend on.

Anything here may be deleted at any time; it costs time only. The least recently used files go when there are too many.
"""

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

from platformdirs import user_cache_path

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import DoesNotFitError, MlxkitError

LIMIT_BYTES = 20 * 10**9
"""How much is kept."""

SPARED_SECONDS = 24 * 60 * 60
"""What was used so lately is kept whatever its size: another run may still need it."""

_TOKENIZING = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.tiktoken", "*.model",
    "chat_template*", "*.jinja", "generation_config.json", "*.py",
)  # fmt: skip


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

    Raises:
        MlxkitError: the folder that would hold it cannot be made.
        DoesNotFitError: the disk is full.
    """
    path = place_of(kind, key, suffix)
    with telling():
        path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # it is not there, or another user's: then its age is no concern of ours
        os.utime(path)
    return path


def place_of(kind: str, key: Mapping[str, Any], suffix: str = "") -> Path:
    """Return the path that `kept` returns, and touch nothing: looking at it does not count as using it."""
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    return cache_folder() / kind / f"{name}{suffix}"


def keep(path: Path, content: bytes) -> None:
    """Write a kept file, whole or not at all.

    Raises:
        MlxkitError: it cannot be written.
        DoesNotFitError: the disk is full.
    """
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    try:
        with telling():
            partial.write_bytes(content)
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def keep_json(path: Path, value: Any) -> None:
    """Write a kept file of JSON, whole or not at all.

    Raises:
        MlxkitError: it cannot be written.
    """
    keep(path, json.dumps(value).encode())


def recalled(path: Path) -> Any:
    """Return what a kept file of JSON says; None when there is none, or none that can be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


@contextmanager
def telling() -> Iterator[None]:
    """Say in one sentence that the folder is of no use."""
    try:
        yield
    except OSError as error:
        folder, reason = str(cache_folder()), error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DoesNotFitError(
                f"The disk is full: {folder!r}, where mlxkit keeps what took long to find, has no room.",
                hint="free space, or set MLXKIT_CACHE to a folder on another disk",
            ) from error
        raise MlxkitError(
            f"{folder!r}, where mlxkit keeps what took long to find, cannot be written: {reason}.",
            hint="set MLXKIT_CACHE to a folder that can be written",
        ) from error


def drop(path: Path) -> None:
    """Remove a kept file or folder, if it is there and can be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def tidy(limit_bytes: int = LIMIT_BYTES) -> None:
    """Remove what was used least recently until at most `limit_bytes` are kept, or only what was used of late."""
    files = []
    for path in cache_folder().rglob("*"):
        with suppress(OSError):  # another run may have removed it
            facts = path.lstat()
            if not path.is_dir():
                files.append((facts.st_mtime, facts.st_size, path))
    total, spared = 0, time.time() - SPARED_SECONDS
    for used, size_bytes, path in sorted(files, reverse=True):
        total += size_bytes
        if total > limit_bytes and used < spared:
            drop(path)


def fingerprint(checkpoint: Checkpoint) -> str:
    """Return what tells a checkpoint's weights, config and tokenizer from others', without reading them.

    Of each file its name, size and time of change stand for its content: a kept result is worth no more than that.
    """
    beside = [
        file
        for file in checkpoint.files
        if "/" not in file and any(PurePath(file).match(pattern) for pattern in _TOKENIZING)
    ]
    files = []
    for name in (*checkpoint.shards, *beside):
        path = (checkpoint.folder / name).resolve()
        facts = path.stat()
        files.append([name, path.name, facts.st_size, facts.st_mtime_ns])
    text = json.dumps([dict(checkpoint.config), files], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
