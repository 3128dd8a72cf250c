"""A card: all that is said of weights on the Hub, every number with where it is from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mlxkit.core.cards import frontier, making, tables
from mlxkit.core.cards.facts import Facts
from mlxkit.core.cards.figures import Grid, Row, last_part, line
from mlxkit.core.cards.results import Result, results
from mlxkit.core.cards.rows import Chosen, chosen
from mlxkit.core.cards.weaknesses import weaknesses
from mlxkit.core.measurement import Measurement
from mlxkit.core.report import Picture


@dataclass(frozen=True)
class Card:
    """What a card says, in its order.

    Attributes:
        facts: what it was made of besides measurements.
        measurements: every measurement that it names, these weights' own first.
        summary: labels, each with a figure or words.
        losses: against the original, a row for each text.
        perplexities: a row for each text.
        tasks: questions, a row for each figure.
        points: of the frontier, by size; empty without a comparison with an original.
        frontier: the same as a table; no rows for fewer than two points.
        frontier_text: what the frontier was measured on.
        speeds: warm, a row for each work and machine.
        originals: the same of the original.
        starts: of fresh processes.
        memory: what judging took.
        fits: predictions for devices.
        steps: how it was made, as `summary`.
        histogram: which schemes its tensors have.
        weaknesses: sentences.
        provenance: every measurement that the card names.
        results: for the front matter.
    """

    facts: Facts
    measurements: tuple[Measurement, ...]
    summary: tuple[making.Item, ...]
    losses: Grid
    perplexities: Grid
    tasks: Grid
    points: tuple[frontier.Point, ...]
    frontier: Grid
    frontier_text: str
    speeds: Grid
    originals: Grid
    starts: Grid
    memory: Grid
    fits: Grid
    steps: tuple[making.Item, ...]
    histogram: Grid
    weaknesses: tuple[str, ...]
    provenance: Grid
    results: tuple[Result, ...]


def made(facts: Facts, measurements: Iterable[Measurement]) -> Card:
    """Return the card of weights.

    Args:
        facts: of the weights.
        measurements: all that a ledger has, of whatever weights: the card chooses among them.
    """
    found = chosen(facts, measurements)
    points = frontier.points(facts, found)
    grids = {
        "losses": tables.losses(found),
        "perplexities": tables.perplexities(found),
        "tasks": tables.tasks(found),
        "frontier": frontier.table(points),
        "speeds": tables.speeds(found.of("throughput")),
        "originals": tables.speeds(found.originals),
        "starts": tables.starts(found),
        "memory": tables.memory(found),
    }
    named = _named(found, grids.values())
    return Card(
        facts=facts,
        measurements=named,
        summary=making.summary(facts),
        points=points,
        frontier_text=frontier.text_of(found),
        fits=making.fits(facts),
        steps=making.steps(facts),
        histogram=making.histogram(facts),
        weaknesses=weaknesses(facts, found),
        provenance=_provenance(named),
        results=results(found),
        **grids,
    )


def picture(card: Card) -> Picture | None:
    """Return the frontier as a picture; None for fewer than two points that it has a place for."""
    title = f"What {card.facts.name} lost at its size"
    return frontier.drawn(title, card.points, card.frontier_text)


def _named(found: Chosen, grids: Iterable[Grid]) -> tuple[Measurement, ...]:
    """Return the measurements that rows name: those of a frontier of one point, say, are not shown."""
    named = {row.measurement_id for grid in grids for row in grid.rows}
    return tuple(one for one in found.all if one.id in named)


def _provenance(measurements: tuple[Measurement, ...]) -> Grid:
    rows = tuple(
        Row(
            (
                f"{one.kind}: {tables.given(one)}",
                line(one.subject.repo) or last_part(one.subject.name) or "not named",
                tables.machine_name(one),
                f"{datetime.fromtimestamp(one.taken_at, tz=UTC):%Y-%m-%d %H:%M} UTC",
                ", ".join(f"{line(name)} {line(version)}" for name, version in sorted(one.versions.items())),
                f"mlxkit ledger show {one.short_id}",
            ),
            (),
            one.id,
        )
        for one in measurements
    )
    return Grid(("What", "Weights", "Machine", "Taken", "With", "All of it"), (), rows)
