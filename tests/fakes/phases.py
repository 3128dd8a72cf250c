"""Progress that remembers what was done, and can be the user who presses Ctrl-C."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlxkit.core.progress import Advance


class Phases:
    """What was told of each phase.

    Args:
        until: the phase in which the user loses patience; None for a patient one.
        after: how often that phase has told of its progress by then.

    Attributes:
        names: of the phases that were opened, in order.
        done: of each phase by its name, what it said an earlier run had done; of the last one of that name.
    """

    def __init__(self, until: str | None = None, after: int = 0) -> None:
        self._until, self._patience = until, after
        self.names: list[str] = []
        self.done: dict[str, int] = {}

    @contextmanager
    def phase(self, name: str, total: int | None, unit: str, done: int = 0) -> Iterator[Advance]:
        self.names.append(name)
        self.done[name] = done
        self._wait(name)
        yield lambda _count, _found="": self._tell(name)

    def _tell(self, name: str) -> None:
        if name == self._until:
            self._patience -= 1
        self._wait(name)

    def _wait(self, name: str) -> None:
        if name == self._until and self._patience <= 0:
            raise KeyboardInterrupt
