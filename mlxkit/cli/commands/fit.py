"""`mlxkit fit`."""

from typing import Any

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.commands.quantize import SHORT
from mlxkit.cli.output import show
from mlxkit.core import schemes
from mlxkit.core.located import Terms


@click.command()
@click.argument("model", required=False)
@click.option("--device", "devices", multiple=True, metavar="NAME", help="Such as 'M4 Max 64GB' or 'iPhone 17 Pro'.")
@click.option("--reverse", is_flag=True, help="Tell which weights would fit, instead.")
@click.option("--list-devices", is_flag=True, help="List the devices that can be named, instead.")
@click.option(
    "--scheme",
    "chosen",
    multiple=True,
    type=click.Choice((*SHORT, *schemes.names())),
    metavar="SCHEME",
    help="Quantized to that; repeatable. Without it: as stored, and 8, 6 and 4 bits.",
)
@click.option(
    "--context",
    "contexts",
    multiple=True,
    type=click.IntRange(1, 2**24),
    help="Tokens; repeatable. [default: 4096, or all the model has]",
)
@click.option("--batch", type=click.IntRange(1, 4096), default=1, show_default=True, help="Rows side by side.")
@options.trust
@options.terms
@options.tabular
def fit(
    model: str | None,
    chosen: tuple[str, ...],
    contexts: tuple[int, ...],
    reverse: bool,
    list_devices: bool,
    terms: Terms,
    form: str,
    quiet: bool,
    **wishes: Any,
) -> None:
    """Tell whether MODEL fits, and how fast it will be.

    Nothing is downloaded but the headers of its weights.

    \b
    mlxkit fit tiny
    mlxkit fit tiny --device "M4 16GB" --scheme 4bit --context 1024
    mlxkit fit tiny --reverse --device "iPhone 17 Pro" --context 1024
    mlxkit fit --list-devices
    """
    from mlxkit.usecases import fit as fitting

    if list_devices:
        show(fitting.list_devices(), form)
        return
    if model is None:
        raise click.UsageError("Missing argument 'MODEL'.", click.get_current_context())
    plan = fitting.FitPlan(model, schemes=tuple(map(schemes.parse, chosen)), contexts=contexts, **wishes)
    with obtaining.outline(terms, quiet=quiet) as locate:
        show((fitting.reverse if reverse else fitting.fit)(plan, locate=locate), form)
