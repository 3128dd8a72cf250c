"""How long work tells how far it is: a protocol, so that no use-case knows a terminal."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol


class Advance(Protocol):
    """Tells how far a phase is."""

    def __call__(self, done: int, found: str = "", /) -> None:
        """Tell what happened since the last call.

        Args:
            done: how much was done, in the phase's unit; less than nothing for work undone.
            found: what the work has come to so far, such as a running mean; it stands beside the bar until the next.
        """


class Progress(Protocol):
    """Where a use-case reports the phases of its work.

    Phases may be open side by side, opened and advanced by different threads: each file that is on its way is one, and
    so is all of them together.
    """

    def phase(
        self, name: str, total: int | None, unit: Literal["bytes", "count"], done: int = 0
    ) -> AbstractContextManager[Advance]:
        """Open a phase.

        Args:
            name: what is being done, as a verb with its object: "writing model.safetensors".
            total: how much there is to do, in `unit`; None when that is not known.
            unit: what is counted.
            done: how much of `total` an earlier run did; it says nothing about the rate of this one.
        """


class Silent:
    """Progress that nobody watches."""

    @contextmanager
    def phase(self, name: str, total: int | None, unit: Literal["bytes", "count"], done: int = 0) -> Iterator[Advance]:
        """Yield an advance that does nothing."""
        del name, total, unit, done
        yield lambda _done, _found="": None
