"""Text on this disk: a user's file as documents, and rows of tokens that a model wrote in an earlier run."""

from pathlib import Path

from mlxkit.core.text import Document, Text, documents
from mlxkit.engines.store.given import read_given
from mlxkit.engines.store.kept import keep_json, recalled


def read_documents(path: Path) -> tuple[Document, ...]:
    """Return the documents of a user's file, at least one.

    Raises:
        NotFoundError: it is not there, or cannot be read.
        PlanError: it is no text that is understood.
    """
    content = read_given(path, "The text", "name a file: .txt or .jsonl")
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
