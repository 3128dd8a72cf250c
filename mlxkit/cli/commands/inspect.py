"""`mlxkit inspect`."""

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.output import show
from mlxkit.core.located import Terms


@click.command()
@click.argument("model")
@options.terms
@options.output
def inspect(model: str, terms: Terms, form: str, quiet: bool) -> None:
    """Tell what MODEL is, and what is wrong with it.

    Its weights are not loaded: headers and JSON files say it all.

    Of a MODEL on the Hub that is not here, only the headers of its weights are read.

    \b
    mlxkit inspect tiny
    mlxkit inspect mlx-community/Qwen3-0.6B-4bit
    """
    from mlxkit.usecases.inspect import InspectPlan
    from mlxkit.usecases.inspect import inspect as look

    with obtaining.outline(terms, quiet=quiet) as locate:
        show(look(InspectPlan(model), locate=locate), form)
