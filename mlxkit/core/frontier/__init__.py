"""The scale-down frontier: what weights made from one original have lost, at which size, and which to choose where.

    comparison = compared(measurements)              the text that most weights were judged on, and the weights
    frontier = drawn_up(comparison, measurements)    their points, with all else that was measured of them

Every figure is from a measurement, whose id it keeps.
"""

from mlxkit.core.frontier.choosing import Comparison, compared, originals
from mlxkit.core.frontier.points import METRICS, Frontier, Kind, Limit, Metric, MetricName, Point, Reading, Weights
from mlxkit.core.frontier.reading import drawn_up

__all__ = [
    "METRICS",
    "Comparison",
    "Frontier",
    "Kind",
    "Limit",
    "Metric",
    "MetricName",
    "Point",
    "Reading",
    "Weights",
    "compared",
    "drawn_up",
    "originals",
]
