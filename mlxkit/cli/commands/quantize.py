"""`mlxkit quantize`."""

from pathlib import Path

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.output import progress, show
from mlxkit.core import schemes
from mlxkit.core.located import Terms


@click.command()
@options.destination
@click.option(
    "--scheme",
    type=click.Choice(("2bit", "3bit", "4bit", "5bit", "6bit", "8bit", *schemes.names())),
    metavar="SCHEME",
    required=True,
    help="2bit 3bit 4bit 5bit 6bit 8bit, each also with -g32 -g64 -g128 (64 without); mxfp4 nvfp4 mxfp8.",
)
@click.option(
    "--dtype",
    type=click.Choice(options.DTYPES),
    help="Of scales, biases and what stays unquantized. Without it: as stored, float32 becomes bfloat16.",
)
@click.option("--requantize", is_flag=True, help="Take a SRC that is quantized already: dequantize it first.")
@options.terms
@options.output
def quantize(
    source: str,
    destination: Path,
    scheme: str,
    dtype: str | None,
    shard_size: int,
    requantize: bool,
    force: bool,
    trust_remote_code: bool,
    terms: Terms,
    form: str,
    quiet: bool,
) -> None:
    """Write SRC, quantized, into the new folder DEST.

    \b
    mlxkit quantize tiny tiny-4bit --scheme 4bit
    """
    from mlxkit.usecases.quantize import QuantizePlan
    from mlxkit.usecases.quantize import quantize as write

    plan = QuantizePlan(
        source, destination, schemes.parse(scheme), dtype, shard_size, requantize, force, trust_remote_code
    )
    locate = obtaining.obtain(terms, quiet=quiet)
    show(write(plan, progress=progress(quiet=quiet), locate=locate), form)
