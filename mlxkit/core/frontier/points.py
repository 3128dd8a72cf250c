"""Points of a frontier: weights with what was measured of them, what devices leave for them, and which to choose."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from mlxkit.core.report import Unit

Kind: TypeAlias = Literal["original", "uniform", "mixed", "plain", "unknown"]
"""What weights are: the original, one scheme for all layers, one for each, not quantized, or not known here."""

MetricName: TypeAlias = Literal["kl", "top1", "task", "speed"]

METRICS: tuple[MetricName, ...] = get_args(MetricName)


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure.

    Attributes:
        value: in its metric's unit.
        low: where its error bar begins; None when no error is known.
        high: where it ends.
        text: as it is read, its error included.
        measurement_id: of the measurement whose summary holds it.
        key: what that summary calls it.
    """

    value: float
    low: float | None
    high: float | None
    text: str
    measurement_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Weights:
    """What the weights themselves tell, where they are at hand.

    Attributes:
        kind: what they are.
        scheme: how they are quantized, in words; empty when that is not known.
        parameters: how many numbers they stand for; None when that is not known.
    """

    kind: Kind = "unknown"
    scheme: str = ""
    parameters: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One checkpoint.

    Attributes:
        name: what it is called.
        digest: of its weights.
        weights: what they tell of themselves.
        size_bytes: of all its tensors.
        readings: what was measured, by metric; what was not is absent.
        machine: that its speed was measured on; empty without one.
    """

    name: str
    digest: str
    weights: Weights
    size_bytes: int
    readings: Mapping[MetricName, Reading]
    machine: str = ""

    @property
    def bits_per_weight(self) -> float | None:
        """Of all its tensors together; None when its parameters are not known."""
        return 8 * self.size_bytes / self.weights.parameters if self.weights.parameters else None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "digest": self.digest,
            "kind": self.weights.kind,
            "scheme": self.weights.scheme,
            "size_bytes": self.size_bytes,
            "bits_per_weight": self.bits_per_weight,
            "readings": {name: asdict(reading) for name, reading in self.readings.items()},
            "machine": self.machine,
        }


@dataclass(frozen=True, slots=True)
class Metric:
    """What points are held against each other by.

    Attributes:
        name: as the user calls it.
        label: of the axis.
        unit: of the values.
        conditions: on what it was measured.
        errors: what the error bars are.
        is_logarithmic: whether its axis is, unless the reader wants it otherwise.
        is_less_better: whether the least is the best.
    """

    name: MetricName
    label: str
    unit: Unit
    conditions: str
    errors: str
    is_logarithmic: bool = False
    is_less_better: bool = False

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a device has for weights.

    Attributes:
        device: its name.
        size_bytes: the largest weights; less than nothing when the rest alone is too much.
        context: tokens whose cache and workspace are taken off; None when nothing is: it is all that an app may use.
        confidence: how sure the device's limit is.
    """

    device: str
    size_bytes: int
    context: int | None
    confidence: str

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Frontier:
    """All that there is to see.

    Attributes:
        original: what the weights were made from.
        text: what they were judged on, in words.
        points: by size, the original among them where something was measured of it.
        metrics: those that something was measured in.
        limits: of the devices that were asked for, the smallest first.
        notes: what the reader should know.
    """

    original: str
    text: str
    points: tuple[Point, ...]
    metrics: tuple[Metric, ...]
    limits: tuple[Limit, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.original}, scaled down"

    def metric(self, name: MetricName) -> Metric | None:
        """Return a metric; None when nothing was measured in it."""
        return next((one for one in self.metrics if one.name == name), None)

    def edge(self, metric: Metric) -> tuple[Point, ...]:
        """Return, by size, the points that are better than every smaller one."""
        sign = 1 if metric.is_less_better else -1
        best: list[Point] = []
        for point in self.in_order(metric):
            if not best or sign * point.readings[metric.name].value < sign * best[-1].readings[metric.name].value:
                best.append(point)
        return tuple(best)

    def in_order(self, metric: Metric, points: Sequence[Point] | None = None) -> list[Point]:
        """Return the points with a reading, by size, and the better one of two first."""
        sign = 1 if metric.is_less_better else -1
        found = [point for point in (self.points if points is None else points) if metric.name in point.readings]
        return sorted(found, key=lambda point: (point.size_bytes, sign * point.readings[metric.name].value))

    def choice(self, limit: Limit) -> Point | None:
        """Return the weights with the least KL that a device has room for, the smaller of two equals; None for none."""
        fitting = [point for point in self.points if "kl" in point.readings and point.size_bytes <= limit.size_bytes]
        return min(fitting, key=lambda point: (point.readings["kl"].value, point.size_bytes), default=None)

    def data(self) -> dict[str, Any]:
        """Return it as JSON: full precision; an edge and a choice name points by their place."""
        places = {id(point): number for number, point in enumerate(self.points)}
        return {
            "original": self.original,
            "text": self.text,
            "points": [point.data() for point in self.points],
            "metrics": [
                {**one.data(), "edge": [places[id(point)] for point in self.edge(one)]} for one in self.metrics
            ],
            "devices": [
                {**limit.data(), "choice": places[id(point)] if (point := self.choice(limit)) else None}
                for limit in self.limits
            ],
            "notes": list(self.notes),
        }
