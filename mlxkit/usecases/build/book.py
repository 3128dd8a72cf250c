"""Where a build writes down what it did: one file, whole at every moment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.recipes import Publish
from mlxkit.core.releases import FILE_NAME, Entry, Lock, Pinned, parse_lock
from mlxkit.engines import ledger, store


@contextmanager
def writing(home: Path, recipe: str) -> Iterator["Book"]:
    """Yield the lock of a build, which no other build writes meanwhile.

    Args:
        home: the recipe's own folder; made where it is missing.
        recipe: its name.

    Raises:
        PlanError: another build is at work in that folder.
        IntegrityError: the file is no lock.
        NotFoundError: it cannot be read.
        MlxkitError: the folder cannot be written.
    """
    refusal = PlanError(f"Another build is at work in {str(home)!r}.", hint="wait for it, then run the same command")
    with store.alone(home, refusal):
        yield Book(home, recipe)


class Book:
    """The lock of a build, on disk.

    Args:
        home: the recipe's own folder; it need not exist.
        recipe: its name.
        is_kept: what is written goes to the disk; else it is known to this object only.

    Attributes:
        lock: what is written down.

    Raises:
        IntegrityError: the file is no lock.
        NotFoundError: it cannot be read.
    """

    def __init__(self, home: Path, recipe: str, *, is_kept: bool = True) -> None:
        self.home = home
        self.is_kept = is_kept
        self.lock = read_lock(home / FILE_NAME) if (home / FILE_NAME).exists() else Lock(recipe)

    def pin(
        self,
        source: Pinned,
        versions: Mapping[str, str],
        platform: Mapping[str, str],
        publish: Publish | None,
    ) -> None:
        """Write down what the variants are made of, with what, and where they are to go."""
        wanted = asdict(publish) if publish else {}
        self._write(replace(self.lock, source=source, versions=versions, platform=platform, publish=wanted))

    def entry(self, variant: str) -> Entry:
        """Return what is written of a variant."""
        return self.lock.entry(variant)

    def write(self, entries: Mapping[str, Entry]) -> None:
        """Write what is known of variants, all at one moment."""
        lock = self.lock
        for variant, entry in entries.items():
            lock = lock.having(variant, entry)
        self._write(lock)

    def _write(self, lock: Lock) -> None:
        if not self.is_kept:
            self.lock = lock
            return
        if lock == self.lock and (self.home / FILE_NAME).exists():
            return
        self.home.mkdir(parents=True, exist_ok=True)
        for left in self.home.glob(f".{FILE_NAME}.mlxkit-partial-*"):  # of a run that was killed
            with suppress(OSError):
                left.unlink()
        ledger.write_whole(self.home / FILE_NAME, lock.text().encode(), force=True)
        self.lock = lock


def read_lock(path: Path) -> Lock:
    """Return what a lock says.

    Raises:
        IntegrityError: it is none.
        NotFoundError: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The lock {str(path)!r} cannot be read: {error.strerror}.",
            hint="`mlxkit build` writes one beside the variants, as build/NAME/lock.json",
        ) from error
    return parse_lock(content, str(path))
