"""`mlxkit quantize`."""

from pathlib import Path
from typing import Any

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.output import progress, show
from mlxkit.core import mixes, rules, schemes
from mlxkit.core.located import Terms

SHORT = ("2bit", "3bit", "4bit", "5bit", "6bit", "8bit")


def _budgets(_context: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, ...]:
    """Return `4.5` or `3,3.5,4` as numbers, each once, in order."""
    try:
        budgets = tuple(dict.fromkeys(float(part) for part in value.split(","))) if value is not None else ()
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a number, nor several with commas between them.") from error
    if any(not 1 <= budget <= 32 for budget in budgets):
        raise click.BadParameter(f"{value!r}: bits per weight lie between 1 and 32.")
    return budgets


def _parsed(_context: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[schemes.Scheme, ...]:
    return tuple(dict.fromkeys(map(schemes.parse, value)))


def _rules(_context: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[rules.Rule, ...]:
    return tuple(rules.parse(text) for text in value)


@click.command()
@click.option(
    "--bits-per-weight",
    callback=_budgets,
    metavar="N[,N...]",
    help="Budget, all tensors counted. Several make a checkpoint each, in folders below DEST.",
)
@click.option("--max-size", "max_bytes", type=options.Size(), help="Budget for all tensors, such as 2.5GB.")
@click.option("--device", metavar="NAME", help="Budget: what this device leaves, such as 'iPhone 17 Pro'.")
@click.option("--context", type=click.IntRange(1, 2**24), help="Tokens that the device is to hold. [default: 4096]")
@click.option(
    "--scheme",
    "schemes",
    type=click.Choice((*SHORT, *schemes.names())),
    multiple=True,
    metavar="SCHEME",
    callback=_parsed,
    help="One for all layers: 2bit 3bit 4bit 5bit 6bit 8bit, each also with -g32 -g64 -g128; mxfp4 nvfp4 mxfp8. "
    "Repeated, a checkpoint each from one reading of SRC, in folders below DEST.",
)
@click.option("--mix", type=click.Choice(mixes.MIXES), help="One of mlx-lm's mixes, to compare with.")
@click.option(
    "--rule",
    "rules",
    multiple=True,
    callback=_rules,
    metavar="GLOB=SCHEME",
    help="What matching layers get, or none; repeatable.",
)
@click.option(
    "--encoder",
    type=click.Choice(("minmax", "lsq", "feedback")),
    help="How codes are found. Without it: feedback where text is used, else lsq; minmax is MLX's own.",
)
@click.option("--polish", type=click.Choice(("dwq",)), help="Train scales and biases on the original's answers. Slow.")
@click.option("--method", type=click.Choice(("awq", "gptq")), help="mlx-lm's own function, with a --scheme.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="Text to measure on: .txt or .jsonl. Without it the model writes its own.",
)
@click.option(
    "--calibration-tokens", type=click.IntRange(min=64), default=16384, show_default=True, help="How much of it."
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the text it writes.")
@click.option("--explain", is_flag=True, help="Say which kinds of layer got what, and which are the most sensitive.")
@click.option(
    "--dtype",
    type=click.Choice(options.DTYPES),
    help="Of scales, biases and what stays unquantized. Without it: as stored, float32 becomes bfloat16.",
)
@click.option("--requantize", is_flag=True, help="Take a SRC that is quantized already: dequantize it first.")
@options.destination
@options.terms
@options.output
def quantize(polish: str | None, shard_size: int, terms: Terms, form: str, quiet: bool, **wishes: Any) -> None:
    """Write SRC, quantized, into the new folder DEST.

    \b
    mlxkit quantize tiny tiny-4bit --bits-per-weight 4.5
    mlxkit quantize tiny tiny-frontier --bits-per-weight 3,4,5
    mlxkit quantize meta-llama/Llama-3.1-8B-Instruct llama-phone --device "iPhone 17 Pro" --context 2048
    mlxkit quantize tiny tiny-8bit --scheme 8bit --rule '*.v_proj=none'
    mlxkit quantize tiny tiny-uniform --scheme 3bit --scheme 4bit --scheme 8bit

    With a budget, each layer gets the scheme that serves the model's answers best: its sensitivity is measured on
    text, the choice is proved on other text, and the loss is told. With a scheme, all layers get the same one.
    """
    from mlxkit.usecases.quantize import QuantizePlan
    from mlxkit.usecases.quantize import quantize as write

    plan = QuantizePlan(polish=polish is not None, shard_bytes=shard_size, **wishes)
    locate = obtaining.obtain(terms, quiet=quiet)
    show(write(plan, progress=progress(quiet=quiet), locate=locate), form)
