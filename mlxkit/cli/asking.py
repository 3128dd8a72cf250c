"""What is asked, and whom: the prompt, a yes or no, and words beside the answer."""

import os
import sys
from collections.abc import Callable
from typing import TextIO

import click

from mlxkit.core.errors import PlanError
from mlxkit.core.wording import printable


def prompt_from(argument: str | None, form: str) -> str | None:
    """Return the prompt: the argument, or what stdin holds for `-` and in a pipe; None means that a chat is wanted.

    One line ending at the end of stdin is dropped, as a shell does.

    Raises:
        PlanError: stdin is no text, or nobody can chat: stdout is no terminal, or JSON was asked for.
    """
    if argument is not None and argument != "-":
        return argument
    if argument == "-" or not is_terminal(sys.stdin):
        return _piped()
    if form != "text" or not is_terminal(sys.stdout):
        raise PlanError("There is no prompt, and a chat is text on a terminal.", hint='mlxkit run tiny "12 + 7 ="')
    return None


def confirmation(*, yes: bool = False) -> Callable[[str], bool] | None:
    """Return what puts a question to whoever sits at the terminal; None when nobody does.

    Args:
        yes: the answer is known to be yes.
    """
    if yes:
        return lambda _question: True
    if not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        return None
    return lambda question: click.confirm(question, err=True)


def say_notes(notes: tuple[str, ...], *, quiet: bool) -> None:
    """Say on stderr what the user should know."""
    for note in () if quiet else notes:
        aside(f"Note: {note}")


def say_model(context: click.Context, model: str, *, quiet: bool) -> None:
    """Say on stderr which model answers, when the user did not name one, and how to choose another."""
    source = context.get_parameter_source("model")
    if quiet or source is click.core.ParameterSource.COMMANDLINE:
        return
    whence = "from MLXKIT_MODEL" if source is click.core.ParameterSource.ENVIRONMENT else "which ships with mlxkit"
    aside(f"Model: {model}, {whence}. Another one: mlxkit run MODEL, or set MLXKIT_MODEL.")


def aside(text: str) -> None:
    """Print a line on stderr, dim on a terminal."""
    color = is_terminal(sys.stderr) and not os.environ.get("NO_COLOR")
    click.echo(click.style(printable(text), dim=True) if color else printable(text), err=True)


def say_error(message: str, hint: str | None) -> None:
    """Print an error on stderr: one sentence, then the next command if there is one."""
    click.echo(f"Error: {printable(message)}", err=True)
    if hint:
        click.echo(f"Hint: {printable(hint)}", err=True)


def _piped() -> str:
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
    try:
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise PlanError(f"stdin is not UTF-8 text: {error.reason} at byte {error.start}.", hint="convert it") from error


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a person sits at a stream; it is None when the process was started with it closed."""
    return stream is not None and stream.isatty()
