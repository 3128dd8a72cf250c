"""One module for each command; its body imports its use-case, so that `mlxkit --help` loads none."""

import click

from mlxkit.cli.commands.convert import convert
from mlxkit.cli.commands.doctor import doctor
from mlxkit.cli.commands.inspect import inspect
from mlxkit.cli.commands.quantize import quantize
from mlxkit.cli.commands.run import run

COMMANDS: dict[str, click.Command] = {
    "run": run,
    "inspect": inspect,
    "convert": convert,
    "quantize": quantize,
    "doctor": doctor,
}
