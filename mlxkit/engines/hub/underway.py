"""Whether what looks like a leftover is being written right now: whoever fetches a content holds its lock."""

from huggingface_hub.utils import WeakFileLock

from mlxkit.engines.hub.holdings import Leftover
from mlxkit.engines.hub.settings import Hub

_SECONDS = 0.05


def is_underway(hub: Hub, leftover: Leftover) -> bool:
    """Say whether another process is fetching it, by this program or by the library.

    Args:
        hub: how the Hub is set up.
        leftover: a partial file; its name begins with the digest by which the lock is named, too.
    """
    room = leftover.place.parent.parent.name
    lock = hub.cache / ".locks" / room / f"{leftover.place.name.partition('.')[0]}.lock"
    if not lock.exists():
        return False
    try:
        with WeakFileLock(lock, timeout=_SECONDS):
            return False
    except (TimeoutError, OSError):
        return True
