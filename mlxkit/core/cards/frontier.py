"""The frontier: what was lost at which size, of these weights and of others made from the same original."""

from dataclasses import dataclass

from mlxkit.core.cards.facts import Facts
from mlxkit.core.cards.figures import Figure, Grid, Row, last_part, line, measured
from mlxkit.core.cards.rows import Chosen
from mlxkit.core.cards.tables import text_name
from mlxkit.core.measurement import SHOWN, Measurement
from mlxkit.core.numbers import number
from mlxkit.core.report import Axis, Picture, Series

FILE_NAME = "frontier.svg"
"""Where the picture stands beside the card."""

_MOST_BYTES, _LEAST_NATS, _MOST_NATS = 1e15, 1e-18, 1e6
"""What no weights and no text can exceed, and no 64-bit sum tells from nothing: beyond it, ticks are no numbers."""


@dataclass(frozen=True, slots=True)
class Point:
    """One checkpoint on one text.

    Attributes:
        name: what it is called.
        size: bytes of all its tensors.
        loss: KL to the original, in nats per token.
        se: its standard error; None when it is not known.
        measurement_id: of the measurement that has both.
        is_own: it is what the card is of.
    """

    name: str
    size: Figure
    loss: Figure
    se: float | None
    measurement_id: str
    is_own: bool

    @property
    def place(self) -> tuple[float, float] | None:
        """Where it is drawn; None where the axes have no place for it."""
        size, kl = self.size.value, self.loss.value
        if size is None or kl is None:
            return None
        return (size, kl) if 0 < size <= _MOST_BYTES and _LEAST_NATS <= kl <= _MOST_NATS else None


def points(facts: Facts, chosen: Chosen) -> tuple[Point, ...]:
    """Return these weights and all others that were judged on the same text against the same original, by size."""
    if chosen.judged is None:
        return ()
    own = _point(chosen.judged, facts.repo, is_own=True)
    others = [_point(found, _name(found), is_own=False) for found in chosen.peers]
    return tuple(sorted((own, *others), key=lambda point: (point.size.value or 0, point.loss.value or 0)))


def text_of(chosen: Chosen) -> str:
    """Return what the text of the frontier is called."""
    return text_name(chosen.judged) if chosen.judged else ""


def table(found: tuple[Point, ...]) -> Grid:
    """Return a row for each point; none for fewer than two, which are no frontier."""
    rows = (Row((_label(point),), (point.size, point.loss), point.measurement_id) for point in found)
    return Grid(("Weights",), ("Size", "KL, nats per token"), tuple(rows) if len(found) > 1 else ())


def _label(point: Point) -> str:
    return f"{point.name} (this repo)" if point.is_own else point.name


def drawn(title: str, found: tuple[Point, ...], text: str) -> Picture | None:
    """Return the picture: what loses least at its size is joined; None for fewer than two points with a place."""
    placed = [(point, point.place) for point in found]
    places = [(point, place) for point, place in placed if place is not None]
    if len(places) < 2:
        return None
    best: list[tuple[Point, tuple[float, float]]] = []
    for point, place in places:
        if not best or place[1] < best[-1][1][1]:
            best.append((point, place))
    edge = Series("least loss at its size", *_drawn(best))
    rest = [one for one in places if one not in best]
    own = [one for one in places if one[0].is_own]
    singles = (*own, *(one for one in rest if not one[0].is_own))
    series = (edge, *(Series(one[0].name, *_drawn([one])) for one in singles))
    note = f"On {text}. Error bars: one standard error."
    y = Axis("KL to the original", "nats", is_logarithmic=True)
    return Picture(title, Axis("Size of the weights", "bytes"), y, series, note=note)


def _drawn(
    found: list[tuple[Point, tuple[float, float]]],
) -> tuple[tuple[tuple[float, float], ...], tuple[float | None, ...]]:
    return tuple(place for _, place in found), tuple(point.se for point, _ in found)


def _point(found: Measurement, name: str, *, is_own: bool) -> Point:
    return Point(
        name,
        measured(found, "size_bytes", "bytes"),
        measured(found, "kl_nats", "nats"),
        number(found.summary.get("kl_nats_se")),
        found.id,
        is_own,
    )


def _name(found: Measurement) -> str:
    told = line(found.subject.repo) or last_part(found.subject.name)
    return told or f"weights {line(found.subject.digest)[:SHOWN]}"
