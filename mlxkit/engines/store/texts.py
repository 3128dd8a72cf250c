"""Text on this disk: a user's file as documents, and rows of tokens that a model wrote in an earlier run."""

from pathlib import Path

from mlxkit.core.errors import PlanError
from mlxkit.core.text import Document, Text, documents
from mlxkit.engines.store.kept import keep_json, recalled


def read_documents(path: Path) -> tuple[Document, ...]:
    """Return the documents of a user's file, at least one.

    Raises:
        PlanError: it cannot be read, or is no text that is understood.
    """
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise PlanError(
            f"{str(path)!r} cannot be read: {error.strerror or error}.", hint="name a file: .txt or .jsonl"
        ) from error
    return documents(content, path.name)


def recalled_text(path: Path) -> Text | None:
    """Return the text that a kept file holds; None when there is none, or none that can be read."""
    said = recalled(path)
    return Text(tuple(map(tuple, said["rows"])), said["origin"]) if said is not None else None


def keep_text(path: Path, text: Text) -> None:
    """Write a text that was written for itself, whole or not at all.

    Raises:
        MlxkitError: it cannot be written.
    """
    keep_json(path, {"rows": text.rows, "origin": text.origin})
