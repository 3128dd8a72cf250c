"""Checkpoints that mlxkit made, found on this disk by the record that it leaves beside them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxkit.core.errors import NotFoundError
from mlxkit.core.quantization import describe
from mlxkit.core.record import FILE_NAME


@dataclass(frozen=True)
class Made:
    """A checkpoint that mlxkit made.

    Attributes:
        folder: where it is.
        source: what it was made from, as the record tells.
        quantization: how it is quantized; None when it is not.
        size_bytes: of all files in the folder.
        last_changed: when the record was written, in seconds since 1970.
    """

    folder: Path
    source: str | None
    quantization: str | None
    size_bytes: int
    last_changed: float


def made_below(folder: Path) -> tuple[Made, ...]:
    """Return what mlxkit made in a folder and below it, by path. What is hidden is left out.

    Raises:
        NotFoundError: there is no such folder, or it cannot be read.
    """
    if not folder.expanduser().is_dir():
        raise NotFoundError(f"There is no folder {str(folder)!r} on this disk.", hint="mlxkit list")
    try:
        records = sorted(folder.expanduser().rglob(FILE_NAME))
        return tuple(_made(path) for path in records if not _is_hidden(path.relative_to(folder.expanduser())))
    except OSError as error:
        raise NotFoundError(
            f"{str(folder)!r} cannot be read: {error.strerror or error}.", hint="check its permissions"
        ) from error


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _made(record: Path) -> Made:
    source = _object(record).get("source")
    name = source.get("name") if isinstance(source, Mapping) else None
    files = [path for path in record.parent.iterdir() if path.is_file()]
    return Made(
        folder=record.parent,
        source=name if isinstance(name, str) else None,
        quantization=describe(_object(record.parent / "config.json")),
        size_bytes=sum(path.stat().st_size for path in files),
        last_changed=record.stat().st_mtime,
    )


def _object(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
