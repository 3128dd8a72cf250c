"""`mlxkit list`."""

from pathlib import Path

import click

from mlxkit.cli import options
from mlxkit.cli.output import show


@click.command("list")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@options.output
def list_models(folder: Path | None, form: str, quiet: bool) -> None:
    """List the models on this disk.

    Those in the Hugging Face cache, or, with DIR, those that mlxkit made in it and below it.

    \b
    mlxkit list
    """
    from mlxkit.usecases.list import ListPlan
    from mlxkit.usecases.list import list_models as look

    del quiet  # there is nothing to be quiet about
    show(look(ListPlan(folder)), form)
