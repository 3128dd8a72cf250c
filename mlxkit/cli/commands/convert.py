"""`mlxkit convert`."""

from pathlib import Path

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.output import progress, show
from mlxkit.core.located import Terms


@click.command()
@options.destination
@click.option(
    "--dtype", type=click.Choice(options.DTYPES), help="Cast floating weights; without it, as they are stored."
)
@options.terms
@options.output
def convert(
    source: str,
    destination: Path,
    dtype: str | None,
    shard_size: int,
    force: bool,
    trust_remote_code: bool,
    terms: Terms,
    form: str,
    quiet: bool,
) -> None:
    """Write SRC as MLX weights that compute the same.

    DEST is a new folder. Source and result are both run, and their logits compared.

    \b
    mlxkit convert tiny tiny-float16 --dtype float16
    """
    from mlxkit.usecases.convert import ConvertPlan
    from mlxkit.usecases.convert import convert as write

    plan = ConvertPlan(source, destination, dtype, shard_size, force, trust_remote_code)
    locate = obtaining.obtain(terms, quiet=quiet)
    show(write(plan, progress=progress(quiet=quiet), locate=locate), form)
