"""Whether a disk has room for what is to be written."""

from mlxkit.core.errors import DoesNotFitError
from mlxkit.core.sizes import size_text

FREE_DESTINATION = "free some space, or name another DEST"
"""What to do where the disk of a new folder has no room."""

_LEAST_HEADROOM = 64 * 2**20
_MOST_HEADROOM = 2 * 2**30
_HEADROOM_PART = 20  # a twentieth of what is fetched


def headroom_bytes(size_bytes: int) -> int:
    """Return how much must stay free beyond what is written: a twentieth of it, 64 MiB to 2 GiB; nothing for nothing.

    >>> headroom_bytes(0), headroom_bytes(10**9), headroom_bytes(10**12) == 2 * 2**30
    (0, 67108864, True)
    """
    return min(max(size_bytes // _HEADROOM_PART, _LEAST_HEADROOM), _MOST_HEADROOM) if size_bytes else 0


def check_disk(size_bytes: int, free_bytes: int | None, place: str, hint: str) -> None:
    """Refuse what will not fit on the disk.

    Args:
        size_bytes: what is still to be written.
        free_bytes: what is free there; None when that is not known, and nothing is refused.
        place: the folder, for the message.
        hint: what to do.

    Raises:
        DoesNotFitError: it will not fit with headroom.
    """
    needed = size_bytes + headroom_bytes(size_bytes)
    if free_bytes is not None and needed > free_bytes:
        raise DoesNotFitError(
            f"It needs {size_text(needed)} of free disk, and {place} has {size_text(free_bytes)}.",
            hint=hint,
        )
