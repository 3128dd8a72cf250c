"""`mlxkit build`."""

from pathlib import Path
from typing import Any

import click

from mlxkit.cli import obtaining, options, releasing
from mlxkit.cli.output import progress, show
from mlxkit.core.errors import PlanError
from mlxkit.core.located import Terms

_TERMS = ("config.json", "README.md", "mlxkit.json")
"""What tells on what terms a model may be used."""


@click.command()
@click.argument("recipe", required=False)
@click.option("--variant", "variants", multiple=True, metavar="V", help="Build that one only; repeatable.")
@click.option("--keep-going", is_flag=True, help="Go on with the others after a variant that cannot be built.")
@click.option("--plan", "is_forecast", is_flag=True, help="Tell what would be done, and touch nothing.")
@click.option("--new", metavar="OWNER/NAME", help="Write NAME.toml, a commented recipe to begin with, instead.")
@click.option(
    "--verify",
    metavar="LOCK",
    type=click.Path(path_type=Path),
    help="Make the weights anew, aside, and compare them with those that LOCK tells of.",
)
@options.output
def build(
    recipe: str | None,
    variants: tuple[str, ...],
    keep_going: bool,
    is_forecast: bool,
    new: str | None,
    verify: Path | None,
    form: str,
    quiet: bool,
) -> None:
    """Make a release from RECIPE: a file, or the name of a recipe that ships with mlxkit.

    Its variants are made, judged against the source, timed, checked, held against their gates and put into
    build/NAME/VARIANT, card and all, ready for `mlxkit publish`. What is there already is not done again, and what was
    interrupted goes on where it was. Exit status 5 means that a variant does not keep to its gates.

    \b
    mlxkit build tiny
    mlxkit build tiny --plan
    mlxkit build --new Qwen/Qwen3-4B
    mlxkit build tiny --verify build/tiny/lock.json
    """
    from mlxkit.usecases import build as building

    if new is not None:
        from mlxkit.usecases.build.starting import start

        show(start(new), form)
        return
    if recipe is None:
        raise PlanError("No recipe is named.", hint="mlxkit build tiny, or begin one with --new owner/name")
    plan, told = building.BuildPlan(recipe, variants, keep_going), progress(quiet=quiet)
    if is_forecast:
        from mlxkit.usecases.build.forecasting import forecast

        with obtaining.outline(Terms(), quiet=quiet) as look:
            show(forecast(plan, locate=look, progress=told), form)
        return
    with obtaining.outline(Terms(), quiet=True, include=_TERMS) as look:
        ways = building.Ways(
            obtaining.obtain(Terms(), quiet=quiet),
            obtaining.obtain_tokenizer(Terms(), quiet=quiet),
            look,
        )
        if verify is not None:
            from mlxkit.usecases.build.verifying import verified

            show(verified(plan, verify, engage=_hands, ways=ways, progress=told), form)
        else:
            dress = releasing.dressing(told)
            show(building.build(plan, engage=_hands, dress=dress, ways=ways, progress=told), form)


def _hands(work: Any) -> Any:
    """Return the other use-cases, which cost seconds to import: a build that has nothing to do never asks."""
    from mlxkit.usecases.build.engaging import hands

    return hands(work)
