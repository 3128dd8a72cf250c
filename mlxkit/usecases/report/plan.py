"""Which weights are to be reported on, and for which devices."""

from dataclasses import dataclass

from mlxkit.core.frontier import MetricName

USUAL_DEVICES = ("iPhone 15 Pro", "iPhone 17 Pro", "M4 16GB", "M4 Pro 48GB", "M4 Max 128GB")
"""Devices that are shown when neither the user nor a recipe names any: small to large, of those that are common."""


@dataclass(frozen=True)
class ReportPlan:
    """What to report on.

    Attributes:
        names: recipes (a file that ends in .toml, or one that ships with mlxkit), originals, for all weights that were
            judged by them, or weights: a name, a repo or the beginning of a digest. None for all that was measured.
        devices: names of devices; none for those of the recipes, or the usual ones.
        metric: what the picture and the page begin with.
    """

    names: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    metric: MetricName = "kl"
