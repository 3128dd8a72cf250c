"""`mlxkit check`."""

from typing import Any

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.output import progress, show
from mlxkit.core.codes import FAMILIES
from mlxkit.core.located import Terms


@click.command()
@click.argument("model", required=False)
@click.option("--only", multiple=True, type=click.Choice(FAMILIES), help="Look at that family only; repeatable.")
@click.option("--no-run", "run", is_flag=True, flag_value=False, default=True, help="Do not load it and let it answer.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(1, 10**6),
    default=1800,
    show_default=True,
    help="Seconds that loading and answering may take.",
)
@click.option("--list-codes", is_flag=True, help="List everything that can be found, instead.")
@options.terms
@options.output
def check(model: str | None, list_codes: bool, terms: Terms, form: str, quiet: bool, **wishes: Any) -> None:
    """Tell whether MODEL is fit to be published, and what to do.

    It is loaded by stock mlx-lm in a fresh process and asked; its files, configs, license and texts are searched for
    what breaks readers or betrays secrets; what it was made from is asked whether it has changed. Nothing is written.
    Exit status 5 means that there are errors.

    \b
    mlxkit check tiny
    mlxkit check mlx-community/Qwen3-0.6B-4bit --no-run --json
    mlxkit check tiny --only secrets --only license
    mlxkit check --list-codes
    """
    from mlxkit.usecases import check as checking

    if list_codes:
        show(checking.list_codes(), form)
        return
    if model is None:
        raise click.UsageError("Missing argument 'MODEL'.", click.get_current_context())
    show(
        checking.check(
            checking.CheckPlan(model, **wishes),
            progress=progress(quiet=quiet),
            locate=obtaining.obtain(terms, quiet=quiet),
            source=checking.from_hub(),
        ),
        form,
    )
