"""`mlxkit show`."""

import click

from mlxkit.cli import options, output


@click.command()
@click.argument("model")
@options.output
def show(model: str, form: str, quiet: bool) -> None:
    """Show the revisions and files of MODEL on this disk.

    MODEL is owner/name, owner/name@revision, a name alone, or the beginning of a commit.

    \b
    mlxkit show mlx-community/Qwen3-0.6B-4bit
    """
    from mlxkit.usecases.show import ShowPlan, show_model

    del quiet  # there is nothing to be quiet about
    output.show(show_model(ShowPlan(model)), form)
