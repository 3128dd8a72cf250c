"""`mlxkit ledger`."""

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from mlxkit.cli import options
from mlxkit.cli.asking import say_notes
from mlxkit.cli.groups import InOrder
from mlxkit.cli.output import show
from mlxkit.core.measurement import KINDS, Kind

_kind = click.option("--kind", type=click.Choice(KINDS), help="Only measurements of this kind.")
_model = click.option("--model", metavar="NAME|DIGEST", help="Only of this model, or of the checkpoint of this digest.")


def _identifiers(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from mlxkit.usecases.ledger import completions

    return [CompletionItem(identifier, help=words) for identifier, words in completions(incomplete)]


@click.group(cls=InOrder)
def ledger() -> None:
    """Keep measurements: list them, show them, give them to others.

    What `mlxkit eval` finds is recorded in one file on this disk, and is never changed; MLXKIT_LEDGER names another
    file. Home folders and login names are left out.

    \b
    mlxkit ledger list
    """


@ledger.command("list")
@_kind
@_model
@options.output
def list_measurements(kind: Kind | None, model: str | None, form: str, quiet: bool) -> None:
    """List the measurements in the ledger, the newest last.

    \b
    mlxkit ledger list
    mlxkit ledger list --kind quality --model tiny
    """
    from mlxkit.usecases.ledger import LedgerPlan
    from mlxkit.usecases.ledger import list_measurements as look

    del quiet  # there is nothing to be quiet about
    show(look(LedgerPlan(kind, model)), form)


@ledger.command("show")
@click.argument("identifier", metavar="ID", shell_complete=_identifiers)
@options.output
def show_measurement(identifier: str, form: str, quiet: bool) -> None:
    """Show all that one measurement says.

    ID is the beginning of its id, as far as no other one begins so.

    \b
    mlxkit ledger show 3f9a
    """
    from mlxkit.usecases.ledger import ShowPlan
    from mlxkit.usecases.ledger import show_measurement as look

    del quiet  # there is nothing to be quiet about
    show(look(ShowPlan(identifier)), form)


@ledger.command("export")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, allow_dash=True))
@_kind
@_model
@click.option("--force", is_flag=True, help="Replace FILE, once the new one is complete.")
@options.output
def export_measurements(file: Path | None, form: str, quiet: bool, force: bool, **which: Any) -> None:
    """Write measurements as JSON Lines, to FILE or to stdout.

    Each line is one measurement with its id, which proves that it was not changed. Nothing in it is private.

    \b
    mlxkit ledger export measurements.jsonl
    mlxkit ledger export --kind task | gzip > tasks.jsonl.gz
    """
    from mlxkit.usecases.ledger import ExportPlan, LedgerPlan
    from mlxkit.usecases.ledger import export_measurements as export

    destination = None if file == Path("-") else file
    done = export(ExportPlan(LedgerPlan(**which), destination, force))
    if destination is None and form == "text":
        say_notes(done.notes, quiet=quiet)
        click.echo(done.text, nl=False)
    else:
        show(done, form)


@ledger.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Tell what would be new, and write nothing.")
@options.output
def import_measurements(files: tuple[str, ...], dry_run: bool, form: str, quiet: bool) -> None:
    """Add the measurements in FILE to the ledger.

    All of them are added or none; - is stdin. Every line is checked by its id. What is in the ledger already is left as
    it is.

    \b
    mlxkit ledger import measurements.jsonl
    ssh studio mlxkit ledger export | mlxkit ledger import -
    """
    from mlxkit.usecases.ledger import ImportPlan
    from mlxkit.usecases.ledger import import_measurements as take

    del quiet  # there is nothing to be quiet about
    show(take(ImportPlan(files, dry_run)), form)
