"""`mlxkit bench`."""

from pathlib import Path

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.output import progress, show
from mlxkit.cli.pictures import save
from mlxkit.core.located import Terms
from mlxkit.core.trials import grid


class Counts(click.ParamType[tuple[int, ...]]):
    """One number, or several with commas between them."""

    name = "n[,n...]"

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        try:
            counts = tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is no whole number, nor several with commas between them.", param, ctx)
        if min(counts) < self._least or max(counts) > 2**24:
            self.fail(f"{value!r}: each lies between {self._least} and {2**24:,}.", param, ctx)
        return counts


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("-p", "prompts", type=Counts(1), default="512", show_default=True, help="Prompt tokens, prefilled.")
@click.option("-n", "generated", type=Counts(1), default="128", show_default=True, help="Tokens, decoded.")
@click.option("-d", "depths", type=Counts(0), default="0", show_default=True, help="Tokens in the cache before.")
@click.option("-b", "batches", type=Counts(1), default="1", show_default=True, help="Rows side by side.")
@click.option("-r", "repeats", type=click.IntRange(1, 1000), default=5, show_default=True, help="Trials that count.")
@click.option("--delay", type=click.FloatRange(0, 3600), default=0.0, metavar="S", help="Seconds of rest before each.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the random tokens.")
@click.option("--cold", is_flag=True, help="Time fresh processes instead: import, load, first token.")
@options.force
@options.trust
@options.plot
@options.terms
@options.tabular
def bench(
    models: tuple[str, ...],
    prompts: tuple[int, ...],
    generated: tuple[int, ...],
    depths: tuple[int, ...],
    batches: tuple[int, ...],
    repeats: int,
    delay: float,
    seed: int,
    cold: bool,
    force: bool,
    trust_remote_code: bool,
    plot: Path | None,
    terms: Terms,
    form: str,
    quiet: bool,
) -> None:
    """Measure throughput, next to the machine's own limit.

    \b
    mlxkit bench tiny
    mlxkit bench tiny -p 128,512 -d 0,256 --plot tiny.svg
    mlxkit bench tiny ./tiny-4bit --delay 5

    Timed are prefill, decoding and the first token. -p, -n, -d and -b take several numbers, and all combinations are
    timed; several models take turns.
    """
    from mlxkit.usecases.bench import BenchPlan
    from mlxkit.usecases.bench import bench as measure

    works = grid(prompts, generated, depths, batches)
    plan = BenchPlan(models, works, repeats, delay, seed, cold, trust_remote_code, force)
    result = measure(plan, progress=progress(quiet=quiet), locate=obtaining.obtain(terms, quiet=quiet))
    if plot is not None:
        save(result, plot)
    show(result, form)
