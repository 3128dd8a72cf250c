"""`mlxkit compare`."""

import click

from mlxkit.cli import options
from mlxkit.cli.output import show
from mlxkit.core.measurement import KINDS, Kind


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option(
    "--allow", metavar="FIELD", multiple=True, help="May differ: versions.mlx, or all of versions; repeatable."
)
@click.option("--kind", type=click.Choice(KINDS[:-1]), help="Only measurements of this kind.")
@options.output
def compare(one: str, other: str, allow: tuple[str, ...], kind: Kind | None, form: str, quiet: bool) -> None:
    """Compare what was measured of A and of B.

    A and B are models, beginnings of ids as `mlxkit ledger list` shows them, or .jsonl files of `mlxkit ledger export`.

    \b
    mlxkit compare tiny-4bit tiny-3bit
    mlxkit compare tiny-4bit studio.jsonl --kind throughput --allow machine

    Compared is the newest of each work. What was measured on another machine, with other versions or on other text is
    refused; --allow FIELD takes it all the same, and says so.
    """
    from mlxkit.usecases.compare import ComparePlan
    from mlxkit.usecases.compare import compare as weigh

    del quiet  # there is nothing to be quiet about
    show(weigh(ComparePlan(one, other, allow, kind)), form)
