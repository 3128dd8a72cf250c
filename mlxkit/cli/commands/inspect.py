"""`mlxkit inspect`."""

import click

from mlxkit.cli import options
from mlxkit.cli.output import show


@click.command()
@click.argument("model")
@options.output
def inspect(model: str, form: str, quiet: bool) -> None:
    """Tell what MODEL is, and what is wrong with it, without loading its weights.

    \b
    mlxkit inspect tiny
    """
    from mlxkit.usecases.inspect import InspectPlan
    from mlxkit.usecases.inspect import inspect as look

    del quiet  # there is nothing to be quiet about: headers are read at once
    show(look(InspectPlan(model)), form)
