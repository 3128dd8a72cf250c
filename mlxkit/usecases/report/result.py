"""The frontier as a reader sees it: what each weights lost, and which to choose for each device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.cards.figures import NOT_MEASURED
from mlxkit.core.errors import MlxkitError
from mlxkit.core.frontier import METRICS, Frontier, Limit, Metric, MetricName, Point
from mlxkit.core.measurement import SHOWN
from mlxkit.core.report import Axis, Column, Fact, Note, Picture, Report, Series, Table, Upright, Value
from mlxkit.core.wording import few
from mlxkit.usecases.report.plan import ReportPlan

_NEAR = 4
"""A device that leaves more than so many times the largest weights stands beside the picture, not in it."""

_WIDE = 8
"""Sizes that differ by more than this factor are read on a logarithmic axis."""

_KINDS = {"original": "the original", "uniform": "uniform", "mixed": "mixed", "plain": "", "unknown": ""}

_ITSELF: dict[MetricName, str] = {"kl": "is the original", "top1": "is the original"}


@dataclass(frozen=True)
class ReportResult:
    """The frontier.

    Attributes:
        plan: what was asked.
        frontier: what was found.
        metric: what the picture and the page begin with.
    """

    command: ClassVar[str] = "report"
    plan: ReportPlan
    frontier: Frontier
    metric: Metric

    @property
    def failure(self) -> MlxkitError | None:
        """None: without anything measured it raises."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {"metric": self.metric.name, **self.frontier.data()}

    def report(self) -> Report:
        """Return what a reader sees."""
        found = self.frontier
        facts = [Fact("Original", found.original), Fact("Judged on", found.text)]
        facts += [Fact(one.label, one.conditions) for one in found.metrics if one.name in ("task", "speed")]
        tables = (self._weights(), *((self._choices(),) if found.limits else ()))
        errors = "; ".join(f"{one.label}, {one.errors}" for one in found.metrics)
        notes = (*found.notes, f"What errors are: {errors}.")
        return Report(found.title, tuple(facts), tables, tuple(map(Note, notes)))

    def _weights(self) -> Table:
        headings: dict[MetricName, Column] = {
            "kl": Column("KL (nats)", "ratio"),
            "top1": Column("Same first", "ratio"),
            "task": Column("Answered", "ratio"),
            "speed": Column("Decode tok/s", "ratio"),
        }
        shown = [name for name in METRICS if self.frontier.metric(name)]
        columns = (
            Column("Weights"),
            Column("Made"),
            Column("Size", "bytes"),
            Column("Bits per weight", "bits"),
            *(headings[name] for name in shown),
            Column("Measured as"),
        )
        return Table("Weights, by size", columns, tuple(_row(point, shown) for point in self.frontier.points))

    def _choices(self) -> Table:
        columns = (
            Column("Device"),
            Column("Room for weights", "bytes"),
            Column("Choose"),
            Column("Size", "bytes"),
            Column("KL (nats)", "ratio"),
        )
        rows = tuple(_choice(limit, self.frontier.choice(limit)) for limit in self.frontier.limits)
        return Table("Least KL that fits", columns, rows)

    def picture(self) -> Picture:
        """Return the metric against size: what is best at its size joined, the uniform rivals joined, the rest not."""
        metric, frontier = self.metric, self.frontier
        drawn = frontier.in_order(metric)
        edge = frontier.edge(metric)
        uniform = [one for one in drawn if one.weights.kind == "uniform"]
        rest = [one for one in drawn if one not in edge and one not in uniform]
        sizes = [one.size_bytes for one in drawn]
        near = [one for one in frontier.limits if sizes and 0 < one.size_bytes <= _NEAR * max(sizes)]
        reach = [*sizes, *(one.size_bytes for one in near)]
        is_wide = bool(reach) and max(reach) > _WIDE * min(reach)
        series = (
            *_series("best at its size", edge, metric),
            *_series("uniform", uniform, metric),
            *(one for point in rest for one in _series(point.name, [point], metric)),
        )
        return Picture(
            title=frontier.title,
            x=Axis("Size of the weights", "bytes", is_logarithmic=is_wide),
            y=Axis(metric.label, metric.unit, is_logarithmic=metric.is_logarithmic),
            series=series,
            note=" ".join((f"{metric.conditions}. Error bars: {metric.errors}.", *self._beyond(near))),
            uprights=tuple(Upright(one.device, one.size_bytes) for one in near),
        )

    def _beyond(self, near: Sequence[Limit]) -> Iterator[str]:
        beyond = [one.device for one in self.frontier.limits if one not in near and one.size_bytes > 0]
        if beyond:
            yield f"Room for far more: {few(beyond)}."


def _row(point: Point, shown: Sequence[MetricName]) -> tuple[Value, ...]:
    readings = [point.readings.get(name) for name in shown]
    made = ", ".join(filter(None, (_KINDS[point.weights.kind], point.weights.scheme)))
    ids = dict.fromkeys(reading.measurement_id[:SHOWN] for reading in readings if reading)
    missing = _ITSELF if point.weights.kind == "original" else {}
    figures = (
        point.readings[name].text if name in point.readings else missing.get(name, NOT_MEASURED) for name in shown
    )
    return (point.name, made or "not known", point.size_bytes, point.bits_per_weight, *figures, ", ".join(ids))


def _choice(limit: Limit, point: Point | None) -> tuple[Value, ...]:
    room = max(0, limit.size_bytes)
    if point is None:
        return limit.device, room, "none of these fits", "", ""
    return limit.device, room, point.name, point.size_bytes, point.readings["kl"].text


def _series(label: str, points: Sequence[Point], metric: Metric) -> Iterator[Series]:
    if points:
        readings = [point.readings[metric.name] for point in points]
        places = tuple((float(point.size_bytes), one.value) for point, one in zip(points, readings, strict=True))
        yield Series(label, places, tuple(None if one.low is None else one.value - one.low for one in readings))
