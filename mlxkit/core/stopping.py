"""Stop strings over text that arrives in pieces: nothing that might begin one is let out before it is known."""

from collections.abc import Iterable


class StopMatcher:
    """Cuts a stream of text before the first stop string that is complete, whatever the pieces.

    Of two that are complete at the same character the longer one counts, so no part of either is let out.

    Args:
        stops: the strings, none of them empty; without any, all text passes.

    Attributes:
        matched: whether a stop string was found. What is fed afterwards is dropped.

    >>> matcher = StopMatcher(["END"])
    >>> matcher.feed("one E"), matcher.feed("N"), matcher.feed("D two"), matcher.matched
    ('one ', '', '', True)
    """

    def __init__(self, stops: Iterable[str] = ()) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.matched = False

    def feed(self, piece: str) -> str:
        """Take a piece of text and return what is certain to stand before any stop string."""
        if self.matched:
            return ""
        text = self._held + piece
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            self.matched, self._held = True, ""
            return text[: min(found)[1]]
        kept = len(text) - self._possible(text)
        self._held = text[kept:]
        return text[:kept]

    def finish(self) -> str:
        """Return what was held back: the text is over, and no stop string came of it."""
        held, self._held = self._held, ""
        return held

    def _possible(self, text: str) -> int:
        """Return how many of the last characters may yet become a stop string."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            tail = text[-size:]
            if any(stop.startswith(tail) for stop in self._stops):
                return size
        return 0
