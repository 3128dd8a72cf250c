"""README's command table, made from the commands: `python -m mlxkit.cli.reference README.md`."""

from pathlib import Path

import click

from mlxkit.cli.commands import COMMANDS
from mlxkit.cli.groups import leaves

BEGIN = "<!-- commands:begin -->"
END = "<!-- commands:end -->"


def table() -> str:
    """Return every command, its arguments and the first sentence of its help as a Markdown table."""
    rows = [f"| `{_usage(name, command)}` | {_sentence(command)} |" for name, command in leaves(COMMANDS)]
    return "\n".join(("| command | does |", "| --- | --- |", *rows))


def updated(page: str) -> str:
    """Return a page with the table between its markers renewed.

    Raises:
        ValueError: it does not have both markers, once each and in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"The page needs {BEGIN} and, after it, {END}, once each.")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _usage(name: str, command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
    arguments = (piece for piece in pieces if piece != "[OPTIONS]")
    return " ".join(("mlxkit", name, *arguments)).replace("|", "\\|")


def _sentence(command: click.Command) -> str:
    return command.get_short_help_str(limit=200).rstrip(".").replace("|", "\\|")


@click.command()
@click.argument("page", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Change nothing; fail when the page is not up to date.")
def reference(page: Path, check: bool) -> None:  # noqa: FBT001  a flag is a boolean
    """Renew the command table in PAGE."""
    text = page.read_text(encoding="utf-8")
    renewed = updated(text)
    if check and renewed != text:
        raise click.ClickException(f"The command table in {page} is out of date: run `make docs`.")
    if not check:
        page.write_text(renewed, encoding="utf-8")


if __name__ == "__main__":
    reference()
