"""One module for each command; its body imports its use-case, so that `mlxkit --help` loads none."""

import click

from mlxkit.cli.commands.bench import bench
from mlxkit.cli.commands.build import build
from mlxkit.cli.commands.check import check
from mlxkit.cli.commands.compare import compare
from mlxkit.cli.commands.convert import convert
from mlxkit.cli.commands.doctor import doctor
from mlxkit.cli.commands.eval import evaluate
from mlxkit.cli.commands.fetch import fetch
from mlxkit.cli.commands.fit import fit
from mlxkit.cli.commands.inspect import inspect
from mlxkit.cli.commands.ledger import ledger
from mlxkit.cli.commands.list import list_models
from mlxkit.cli.commands.publish import publish
from mlxkit.cli.commands.quantize import quantize
from mlxkit.cli.commands.report import report
from mlxkit.cli.commands.rm import rm
from mlxkit.cli.commands.run import run
from mlxkit.cli.commands.show import show

COMMANDS: dict[str, click.Command] = {
    "run": run,
    "fetch": fetch,
    "inspect": inspect,
    "check": check,
    "fit": fit,
    "convert": convert,
    "quantize": quantize,
    "eval": evaluate,
    "bench": bench,
    "compare": compare,
    "publish": publish,
    "report": report,
    "build": build,
    "list": list_models,
    "show": show,
    "rm": rm,
    "ledger": ledger,
    "doctor": doctor,
}
