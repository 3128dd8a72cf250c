"""`mlxkit rm`."""

import click

from mlxkit.cli import options
from mlxkit.cli.asking import confirmation
from mlxkit.cli.output import show


@click.command()
@click.argument("model", metavar="[MODEL|REVISION]", required=False)
@click.option("--incomplete", is_flag=True, help="Remove only what interrupted fetches left, of MODEL or of all.")
@click.option("--dry-run", is_flag=True, help="Tell what would be removed and what that frees, and touch nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.output
def rm(model: str | None, incomplete: bool, dry_run: bool, yes: bool, form: str, quiet: bool) -> None:
    """Remove MODEL, or one revision, from the Hugging Face cache.

    \b
    mlxkit rm mlx-community/Qwen3-0.6B-4bit --dry-run
    """
    from mlxkit.usecases.rm import RmPlan, remove

    del quiet  # there is nothing to be quiet about
    show(remove(RmPlan(model, incomplete, dry_run), confirm=confirmation(yes=yes)), form)
