"""`mlxkit publish`."""

from pathlib import Path
from typing import Any

import click

from mlxkit.cli import options, releasing
from mlxkit.cli.asking import confirmation
from mlxkit.cli.output import progress, show


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("repo", metavar="[REPO]", required=False)
@click.option("--public", "is_public", is_flag=True, help="Show it to all once it has arrived. A new repo is private.")
@click.option("--pr", "is_pr", is_flag=True, help="Open a pull request; the repo stays as it is.")
@click.option("--revision", metavar="BRANCH", help="Publish to that branch, which is made if there is none.")
@click.option("--message", metavar="TEXT", help="Of the commit.")
@click.option("--collection", metavar="TITLE", help="Put it into that collection of its owner.")
@click.option("--dry-run", is_flag=True, help="Show the card and what would be sent, and change nothing.")
@click.option("--force", is_flag=True, help="Replace other weights that the repo holds.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.output
def publish(
    folder: Path, repo: str | None, collection: str | None, yes: bool, form: str, quiet: bool, **wishes: Any
) -> None:
    """Put the weights in DIR into a repo on the Hub.

    DIR is checked first, as `mlxkit check` does, and with errors nothing is sent. Its card is written from the ledger,
    unless it has one. Afterwards every digest is compared with what the Hub lists. What was interrupted is completed by
    the same command.

    Where DIR is a build, all its variants that keep to their gates are published, each into a repo of its name; REPO is
    their owner then, and may be left out.

    \b
    mlxkit publish my-model-4bit me/my-model-4bit --dry-run
    mlxkit publish my-model-4bit me/my-model-4bit --public
    mlxkit publish build/my-model me --collection "My models"
    """
    from mlxkit.usecases import publish as publishing

    told = progress(quiet=quiet)
    engines: dict[str, Any] = {"dress": releasing.dressing(told), "progress": told, "confirm": confirmation(yes=yes)}
    wishes |= {"collection": collection}
    if publishing.is_build(folder):
        plan = releasing.of_build(folder, repo, wishes)
        show(publishing.release(plan, check=lambda name: releasing.checking(name, told), **engines), form)
        return
    if repo is None:
        raise click.UsageError("Missing argument 'REPO'.", click.get_current_context())
    one = publishing.PublishPlan(folder, repo, **wishes)
    result = publishing.publish(one, check=releasing.checking(repo, told), **engines)
    if one.dry_run:
        releasing.say_card(result.card, form, quiet=quiet)
    show(result, form)
