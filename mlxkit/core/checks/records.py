"""The build record held against the weights."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlxkit.core.codes import found
from mlxkit.core.findings import Finding
from mlxkit.core.record import FILE_NAME, SCHEMA, checkpoint_digest
from mlxkit.core.wording import few


def digests_of(record: Mapping[str, Any]) -> dict[str, str] | None:
    """Return tensor name to sha256 in hex, as the record has them; None when it is no build record."""
    tensors = record.get("tensors")
    if record.get("schema") != SCHEMA or not isinstance(tensors, Mapping):
        return None
    named = {str(name): digest for name, digest in tensors.items() if isinstance(digest, str)}
    return named if len(named) == len(tensors) and record.get("digest") == checkpoint_digest(named) else None


def look(recorded: Mapping[str, str], present: Mapping[str, str]) -> Iterator[Finding]:
    """Yield where weights are not those that were recorded.

    Args:
        recorded: tensor name to sha256 in hex, in the record.
        present: the same, of what is there.
    """
    changed = sorted(name for name, digest in present.items() if recorded.get(name, digest) != digest)
    if changed:
        yield found("files.digest", few(changed), f"{FILE_NAME} records other bytes.")
    missing = sorted(recorded.keys() - present.keys())
    if missing:
        yield found("files.digest", few(missing), f"{FILE_NAME} records it, and it is not there.")
    extra = sorted(present.keys() - recorded.keys())
    if extra:
        yield found("files.digest", few(extra), f"{FILE_NAME} does not know it.")
