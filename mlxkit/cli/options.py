"""Options that several commands share, each said once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mlxkit.core.sizes import parse_size

Command = TypeVar("Command", bound=Callable[..., Any])

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
    for decorate in (
        click.option("-q", "--quiet", is_flag=True, help="No progress and no hints on stderr."),
        click.option("--json", "form", flag_value="json", help="Same as --format json."),
        click.option(
            "--format",
            "form",
            type=click.Choice(["text", "json", "markdown"]),
            default="text",
            show_default=True,
            help="How the result is printed on stdout.",
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


def trust(function: Command) -> Command:
    """Add `--trust-remote-code`."""
    return click.option(
        "--trust-remote-code", is_flag=True, help="Run Python code that comes with the checkpoint. Read it first."
    )(function)
