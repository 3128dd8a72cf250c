"""Recipes: what a release is made of, parsed from TOML, and whether what was measured keeps to its gates."""

from mlxkit.core.recipes.gates import Figures, Fit, Gates, Outcome, Room, device_of, judged, parse_fit
from mlxkit.core.recipes.parsing import LONGEST, parse
from mlxkit.core.recipes.recipe import SELF, Bench, Calibration, Evaluation, Publish, Recipe, Source, Variant
from mlxkit.core.recipes.template import template

__all__ = [
    "LONGEST",
    "SELF",
    "Bench",
    "Calibration",
    "Evaluation",
    "Figures",
    "Fit",
    "Gates",
    "Outcome",
    "Publish",
    "Recipe",
    "Room",
    "Source",
    "Variant",
    "device_of",
    "judged",
    "parse",
    "parse_fit",
    "template",
]
