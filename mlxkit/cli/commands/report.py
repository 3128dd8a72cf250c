"""`mlxkit report`."""

from collections.abc import Sequence
from pathlib import Path

import click

from mlxkit.cli import obtaining, options, pages
from mlxkit.cli.pictures import save
from mlxkit.core.frontier import METRICS, MetricName
from mlxkit.core.located import Terms


@click.command()
@click.argument("names", metavar="[RECIPE|MODEL]...", nargs=-1)
@click.option("--metric", type=click.Choice(METRICS), default="kl", show_default=True, help="What to begin with.")
@click.option("--device", "devices", multiple=True, metavar="NAME", help="Such as 'iPhone 17 Pro'; repeatable.")
@options.plot
@options.paged
def report(
    names: tuple[str, ...],
    metric: MetricName,
    devices: tuple[str, ...],
    plot: Path | None,
    destination: Path | None,
    form: str,
    quiet: bool,
) -> None:
    """Show what was lost at which size, and what to choose for each device.

    It is drawn up from the ledger: of all weights that were measured, or of those of a RECIPE, of those that were made
    from an original, or of each MODEL that is named. Nothing is measured for it, and nothing is fetched.

    \b
    mlxkit report
    mlxkit report tiny --format html -o tiny.html
    mlxkit report tiny --metric speed --plot tiny.svg
    mlxkit report tiny-4bit tiny-3bit --device "M4 16GB" --format markdown
    """
    from mlxkit.usecases.fit import FitPlan, Room, reverse
    from mlxkit.usecases.report import ReportPlan
    from mlxkit.usecases.report import report as draw_up

    pages.demand_place(form, destination)
    present = obtaining.obtain(Terms(offline=True), quiet=True)

    def rooms(model: str, asked: tuple[str, ...]) -> Sequence[Room]:
        return reverse(FitPlan(model, asked), locate=present).rooms

    result = draw_up(ReportPlan(names, devices, metric), rooms=rooms, locate=present)
    if plot is not None:
        save(result, plot)
    pages.deliver(result, form, destination, quiet=quiet)
