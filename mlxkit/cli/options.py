"""Options that several commands share, each said once."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from mlxkit.core.located import Terms
from mlxkit.core.sizes import parse_size

Command = TypeVar("Command", bound=Callable[..., Any])

FORMS = ("text", "json", "markdown")
PICTURES = (".svg", ".png")
DTYPES = ("bfloat16", "float16", "float32")


class Size(click.ParamType[int]):
    """A size such as 1GB, as bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the size in bytes."""
        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def output(function: Command) -> Command:
    """Add `--format`, `--json` and `--quiet`, which every command has."""
    return _output(function, FORMS, "How the result is printed on stdout.")


def tabular(function: Command) -> Command:
    """Add what `output` adds, with CSV among the formats."""
    return _output(function, (*FORMS, "csv"), "How the result is printed on stdout; csv is its main table alone.")


def paged(function: Command) -> Command:
    """Add what `output` adds, with HTML among the formats, and `-o`, given to the command as `destination`."""
    place = click.option(
        "-o",
        "destination",
        metavar="FILE",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        callback=_placed,
        help="Write it into FILE, not to stdout; one that is there is replaced.",
    )
    words = "How the result is printed; html is one page that needs nothing else."
    return place(_output(function, (*FORMS, "html"), words))


def plot(function: Command) -> Command:
    """Add `--plot`, given to the command as `plot`: where to draw the result, or None."""
    return click.option(
        "--plot",
        metavar="FILE",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        callback=_drawn,
        help="Draw the result into FILE, which ends in .svg or .png; one that is there is replaced.",
    )(function)


def _drawn(_context: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    if path is None:
        return None
    if path.suffix.lower() not in PICTURES:
        raise click.BadParameter(f"{str(path)!r} ends in neither {' nor '.join(PICTURES)}.")
    return _placed(_context, _param, path)


def _placed(_context: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    if path is None:
        return None
    if not path.parent.is_dir():
        raise click.BadParameter(f"There is no folder {str(path.parent)!r}.")
    if not os.access(path.parent, os.W_OK):
        raise click.BadParameter(f"Nothing can be written to the folder {str(path.parent)!r}.")
    return path


def _output(function: Command, forms: tuple[str, ...], words: str) -> Command:
    for decorate in (
        click.option("-q", "--quiet", is_flag=True, help="No progress and no hints on stderr."),
        click.option("--json", "form", flag_value="json", help="Same as --format json."),
        click.option(
            "--format",
            "form",
            type=click.Choice(forms),
            default="text",
            show_default=True,
            help=words,
        ),
    ):
        function = decorate(function)
    return function


def destination(function: Command) -> Command:
    """Add what every command that writes a checkpoint has."""
    for decorate in (
        trust,
        click.option("--force", is_flag=True, help="Replace DEST, once the new checkpoint is complete."),
        click.option(
            "--shard-size", type=Size(), default="1GB", show_default=True, help="Upper bound of a weight file."
        ),
        click.argument("destination", metavar="DEST", type=click.Path(path_type=Path)),
        click.argument("source", metavar="SRC"),
    ):
        function = decorate(function)
    return function


def force(function: Command) -> Command:
    """Add `--force`, of commands that load a model."""
    return click.option("--force", is_flag=True, help="Load it even if it does not fit the memory.")(function)


def trust(function: Command) -> Command:
    """Add `--trust-remote-code`."""
    return click.option(
        "--trust-remote-code", is_flag=True, help="Run Python code that comes with the checkpoint. Read it first."
    )(function)


def terms(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--revision`, `--offline` and `--refresh`, given to the command as `terms`: how a MODEL may be had."""

    @wraps(function)
    def command(*arguments: Any, revision: str | None, offline: bool, refresh: bool, **words: Any) -> None:
        function(*arguments, terms=Terms(revision, offline, refresh), **words)

    decorated: Callable[..., None] = command
    for decorate in (
        click.option("--refresh", is_flag=True, help="Ask the Hub for the newest commit, even if the model is here."),
        click.option("--offline", is_flag=True, callback=_cut_off, help="Make no request to the network."),
        click.option("--revision", metavar="R", help="A branch, tag or commit of the repo; the same as MODEL@R."),
    ):
        decorated = decorate(decorated)
    return decorated


def _cut_off(context: click.Context, _param: click.Parameter, value: bool) -> bool:  # noqa: FBT001  a flag is a boolean
    # Set before a use-case is imported: the libraries that models are loaded with read it then, and obey it too.
    if value and not context.resilient_parsing:
        os.environ["HF_HUB_OFFLINE"] = "1"
    return value
