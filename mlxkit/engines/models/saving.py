"""Arrays in files that are kept between runs: written whole or not at all, and MLX's refusals in our words."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlx.core as mx

from mlxkit.core.errors import MlxkitError


def save(path: Path, arrays: Mapping[str, mx.array], facts: Mapping[str, str] | None = None) -> None:
    """Write a kept file.

    Args:
        path: ``*.safetensors``, in a folder that exists.
        arrays: name to array.
        facts: what is said beside them.

    Raises:
        MlxkitError: it cannot be written; the disk may be full.
    """
    mx.eval(list(arrays.values()))  # what goes wrong from here on goes wrong with the file
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    try:
        mx.save_safetensors(str(partial), dict(arrays), dict(facts or {}))
        partial.replace(path)
    except (RuntimeError, OSError) as error:
        raise MlxkitError(
            f"What is kept between runs cannot be written to {str(path.parent)!r}: {_plain(error)}.",
            hint="free space there, or set MLXKIT_CACHE to another folder",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def load(path: Path) -> dict[str, mx.array]:
    """Return the arrays of a kept file, which are read when they are evaluated.

    Raises:
        MlxkitError: it is not what was written.
    """
    return load_with_facts(path)[0]


def load_with_facts(path: Path) -> tuple[dict[str, mx.array], dict[str, str]]:
    """Return the arrays of a kept file, and what is said beside them.

    Raises:
        MlxkitError: it is not what was written.
    """
    try:
        found: Any = mx.load(str(path), return_metadata=True)
    except RuntimeError as error:
        raise MlxkitError(
            f"The kept file {str(path)!r} is damaged: {_plain(error)}.", hint="delete it: it is made again"
        ) from error
    arrays, facts = found
    return dict(arrays), dict(facts)


def _plain(error: Exception) -> str:
    return (getattr(error, "strerror", None) or " ".join(str(error).split())).rstrip(".")
