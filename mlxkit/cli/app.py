"""The program: its commands, and the one place where errors become words and exit statuses."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from mlxkit import __version__
from mlxkit.cli.asking import say_error
from mlxkit.cli.commands import COMMANDS
from mlxkit.cli.groups import InOrder
from mlxkit.core.errors import DoesNotFitError, MlxkitError, StoppedError


class Program(InOrder):
    """A group that tells every expected error the same way: one sentence, a hint, an exit status.

    An exception that is none of ours keeps its traceback: a bug must look like one.
    """

    def main(  # type: ignore[override]  # Click overloads it by the value of standalone_mode
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run a command line and exit. A pipe that its reader has closed ends it quietly: Click sees to that."""
        words = list(sys.argv[1:] if args is None else args)
        try:
            status = super().main(words, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            status = 0
        except click.ClickException as error:
            status = _tell(words, "usage", error.format_message(), _usage_hint(error), error.exit_code)
        except MlxkitError as error:
            status = _tell(words, error.code, error.message, error.hint, error.exit_status)
            if os.environ.get("MLXKIT_DEBUG"):
                traceback.print_exception(error)
        except (click.Abort, KeyboardInterrupt):
            status = _tell(words, StoppedError.code, "Interrupted.", None, StoppedError.exit_status)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            full = DoesNotFitError("The disk is full: the output is cut off.")
            status = _tell(words, full.code, full.message, full.hint, full.exit_status)
        if standalone_mode:
            sys.exit(status or 0)
        return status


def _tell(words: list[str], code: str, message: str, hint: str | None, status: int) -> int:
    if wants_json(words):
        from mlxkit.render.envelope import error_envelope  # noqa: PLC0415  only a failing run needs it

        command = next((word for word in words if word in COMMANDS), None)
        click.echo(error_envelope(command, {"code": code, "message": message, "hint": hint}))
    else:
        say_error(message, hint)
    return status


def wants_json(words: list[str]) -> bool:
    """Return whether a command line asks for JSON, read before Click has parsed it."""
    pairs = zip(words, [*words[1:], ""], strict=True)
    return any(word in ("--json", "--format=json") or (word == "--format" and value == "json") for word, value in pairs)


def _usage_hint(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else None


@click.command(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mlxkit")
def cli() -> None:
    """Run, inspect, convert and quantize open models with MLX.

    A MODEL is a folder with config.json, a tokenizer and safetensors weights; owner/name or owner/name@revision on the
    Hugging Face Hub; a name alone, which is looked for in mlx-community; or `tiny`, which ships with mlxkit.

    \b
    mlxkit run tiny "12 + 7 ="
    """


for command in COMMANDS.values():
    cli.add_command(command)
