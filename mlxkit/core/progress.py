"""How long work tells how far it is: a protocol, so that no use-case knows a terminal."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

Advance = Callable[[int], None]
"""Call it with how much was done since the last call, in the phase's unit."""


class Progress(Protocol):
    """Where a use-case reports the phases of its work."""

    def phase(self, name: str, total: int | None, unit: Literal["bytes", "count"]) -> AbstractContextManager[Advance]:
        """Open a phase.

        Args:
            name: what is being done, as a verb with its object: "writing model.safetensors".
            total: how much there is to do, in `unit`; None when that is not known.
            unit: what is counted.
        """


class Silent:
    """Progress that nobody watches."""

    @contextmanager
    def phase(self, name: str, total: int | None, unit: Literal["bytes", "count"]) -> Iterator[Advance]:
        """Yield an advance that does nothing."""
        del name, total, unit
        yield lambda _done: None
