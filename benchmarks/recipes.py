"""What each recipe would make, told from headers: `python -m benchmarks.recipes recipes/README.md` writes the page.

Sizes are what `quantize` would write, or its budget; no weight is read. Devices are those that ship with mlxkit, so the
page is the same everywhere.
"""

import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mlxkit.core.checks.licenses import terms_of
from mlxkit.core.devices import SHIPPED, Device, devices
from mlxkit.core.fitting import Need, Verdict
from mlxkit.core.names import TINY
from mlxkit.core.recipes import Fit, Recipe, Variant, device_of
from mlxkit.core.sizes import size_text
from mlxkit.engines import store
from mlxkit.usecases.build.foreseeing import foresee
from mlxkit.usecases.fit import FitPlan
from tests.fakes.published import write_published

KNOWN = devices(tomllib.loads((files("mlxkit") / "data" / SHIPPED).read_text(encoding="utf-8")))
"""Every device that ships; a user's own file has no part in the page."""

SHOWN = ("iPhone 13 Pro", "iPhone 16", "iPhone 17 Pro", "M1 8GB", "M4 16GB", "M4 24GB", "M4 Pro 48GB", "M4 Max 64GB")
"""Devices that have a column."""

CELLS: Mapping[Verdict | None, str] = {"fits": "yes", "tight": "tight", "does not fit": "no", None: "not known"}

HEAD = """\
# Recipes

One TOML file for each release that mlxkit makes. This page is made from them by `make docs`: no number in its tables
was typed, and none was measured. Sizes and what they fit are told from the headers of the models' weights. What the
gates of all recipes but `tiny` ask is an intention that no build has met yet.

A size of bits per weight, of a device or of a maximum is a budget, which the result stays below. "yes" leaves a tenth
of what an app may use on a device free; "tight" fits and leaves less.
"""


@dataclass(frozen=True)
class Made:
    """What one variant would be.

    Attributes:
        variant: the recipe's.
        size_bytes: of all tensors together, or its budget.
    """

    variant: Variant
    size_bytes: int


@dataclass(frozen=True)
class Forecast:
    """What a recipe would make.

    Attributes:
        recipe: it.
        parameters: of the source.
        context: tokens that fits are told at.
        made: of each variant.
        besides: bytes that each device takes beside weights, by its name and a context.
    """

    recipe: Recipe
    parameters: int
    context: int
    made: tuple[Made, ...]
    besides: Mapping[Fit, int]

    def verdict(self, size_bytes: int, fit: Fit) -> Verdict | None:
        """Return whether weights of a size fit a device."""
        return Need(size_bytes, 0, self.besides[fit]).verdict(_device(fit.device).limit_bytes)


def _device(name: str) -> Device:
    return device_of(name, KNOWN)


def forecast(recipe: Recipe, folder: Path) -> Forecast:
    """Tell what a recipe would make of the headers in a folder."""
    checkpoint = store.read(recipe.source.repo, folder).sound()
    (context,) = FitPlan(str(folder)).contexts_of(checkpoint)
    outlook = foresee(checkpoint, recipe.variants, KNOWN, [Fit(name, context) for name in SHOWN])
    made = tuple(Made(variant, outlook.sizes[variant.name]) for variant in recipe.variants)
    besides = {fit: _device(fit.device).limit_bytes - room for fit, room in outlook.left.items()}
    return Forecast(recipe, outlook.parameters, context, made, besides)


def source_of(stem: str, recipe: Recipe, folder: Path) -> Path:
    """Return a folder with the headers of a recipe's source, which is made below a folder if need be."""
    return store.locate(TINY) if recipe.source.repo == TINY else write_published(folder / stem, stem)


def page(forecasts: Mapping[str, Forecast]) -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(_section(stem, told) for stem, told in forecasts.items())])


def _section(stem: str, told: Forecast) -> str:
    recipe = told.recipe
    source = recipe.source
    license_ = f"{source.license} ({terms_of(source.license)})" if source.license else "any license"
    columns = ("variant", "goal", "size", "bits per weight", *SHOWN)
    rows = [_row(told, made) for made in told.made]
    lines = [
        f"## {recipe.name}",
        "",
        f"`recipes/{stem}.toml`, from `{source.repo}`: {_count(told.parameters)} parameters, {license_}.",
        *(line for line in ("", recipe.description) if recipe.description),
        "",
        f"| {' | '.join(columns)} |",
        f"| --- | --- | ---: | ---: |{' --- |' * len(SHOWN)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Devices hold {told.context:,} tokens beside the weights.",
        "",
    ]
    return "\n".join(lines)


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.3g} billion" if parameters >= 10**8 else f"{parameters / 1e6:.3g} million"


def _row(told: Forecast, made: Made) -> Iterator[str]:
    variant = made.variant
    yield f"`{variant.name}`"
    yield variant.goal
    yield size_text(made.size_bytes)
    yield f"{8 * made.size_bytes / told.parameters:.2f}"
    yield from (CELLS[told.verdict(made.size_bytes, Fit(name, told.context))] for name in SHOWN)


def forecasts(folder: Path) -> dict[str, Forecast]:
    """Tell what every recipe that ships would make, by the stems of their files.

    Args:
        folder: where headers are written.
    """
    recipes = {stem: store.read_recipe(path) for stem, path in store.shipped().items()}
    order = sorted(recipes, key=lambda stem: (recipes[stem].source.repo != TINY, stem))
    return {stem: forecast(recipes[stem], source_of(stem, recipes[stem], folder)) for stem in order}


def main(target: Path) -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as name:
        target.write_text(page(forecasts(Path(name))), encoding="utf-8")
    print(f"{target} is written.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
