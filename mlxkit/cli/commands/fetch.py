"""`mlxkit fetch`."""

from pathlib import Path

import click

from mlxkit.cli import options
from mlxkit.cli.asking import confirmation
from mlxkit.cli.output import progress, show
from mlxkit.core.located import Terms


@click.command()
@click.argument("model")
@click.option("--to", metavar="DIR", type=click.Path(path_type=Path), help="Copy it into the new folder DIR, too.")
@click.option("--include", multiple=True, metavar="GLOB", help="Fetch the files that match, and no others.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave the files that match.")
@click.option("--dry-run", is_flag=True, help="Tell what would be fetched, and touch nothing.")
@click.option("--verify", is_flag=True, help="Check what is here already by its digests, and fetch what is wrong.")
@click.option("--force", is_flag=True, help="Replace an existing DIR, once the new one is complete.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before more than 20 GB are fetched.")
@options.terms
@options.output
def fetch(
    model: str,
    terms: Terms,
    to: Path | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    dry_run: bool,
    verify: bool,
    force: bool,
    yes: bool,
    form: str,
    quiet: bool,
) -> None:
    """Bring MODEL from the Hub to this disk, checked by digests.

    MODEL is owner/name, owner/name@revision, or a name alone, which is looked for in mlx-community. Its files go to the
    Hugging Face cache, where other tools find them too. A fetch that was interrupted is continued.

    \b
    mlxkit fetch mlx-community/Qwen3-0.6B-4bit --dry-run
    """
    from mlxkit.usecases.fetch import FetchPlan
    from mlxkit.usecases.fetch import fetch as bring

    plan = FetchPlan(model, terms, to, include, exclude, force, verify, dry_run)
    show(bring(plan, progress=progress(quiet=quiet), confirm=confirmation(yes=yes)), form)
