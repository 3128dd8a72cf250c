"""A file that a user names, read whole: what keeps it from being read is one sentence."""

from pathlib import Path

from mlxkit.core.errors import NotFoundError


def read_given(path: str | Path, what: str, hint: str, most_bytes: int | None = None) -> bytes:
    """Return what a file holds.

    Args:
        path: as the user wrote it.
        what: what it is to be, as a sentence about it begins: ``The recipe``.
        hint: what to do where it cannot be read.
        most_bytes: how much is read of it; None for all.

    Raises:
        NotFoundError: it is not there, or cannot be read.
    """
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(-1 if most_bytes is None else most_bytes)
    except (OSError, ValueError, RuntimeError) as error:  # the last one: the home folder of nobody
        reason = getattr(error, "strerror", None) or error
        raise NotFoundError(f"{what} {str(path)!r} cannot be read: {reason}.", hint=hint) from error
