"""`mlxkit eval`."""

from dataclasses import replace
from typing import Any

import click

from mlxkit.cli import obtaining, options
from mlxkit.cli.output import progress, show
from mlxkit.core.located import Terms


@click.command("eval")
@click.argument("model")
@click.option("--reference", metavar="REF", help="The original. Without it: what MODEL was made from, if it is here.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="FILE",
    help="Judge on .txt or .jsonl; repeatable. Without it, or as self: what the original writes.",
)
@click.option("--tokens", type=click.IntRange(min=2), default=16384, show_default=True, help="Of each text, at most.")
@click.option("--context", type=click.IntRange(min=2), default=512, show_default=True, help="Tokens read at once.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    metavar="TASK",
    help="Ask questions: tiny, a .jsonl of prompt and answer, or one of lm-evaluation-harness; repeatable.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the text it writes.")
@click.option("--until-se", type=click.FloatRange(min=0, min_open=True), help="Stop when the error is down to N nats.")
@click.option("--allow-calibration-text", is_flag=True, help="Judge on text that MODEL was made with, and mark that.")
@options.force
@options.trust
@options.terms
@options.output
def evaluate(terms: Terms, form: str, quiet: bool, **wishes: Any) -> None:
    """Measure what MODEL lost against its original.

    \b
    mlxkit eval tiny
    mlxkit eval tiny-4bit --reference tiny

    With an original: KL divergence, how often both hold the same token for the likeliest, the ratio of perplexities.
    Without one: perplexity and bits per byte. Each with its error, and all of it in the ledger.
    """
    from mlxkit.usecases.eval import EvalPlan
    from mlxkit.usecases.eval import evaluate as measure

    plan = EvalPlan(**wishes)
    locate = obtaining.obtain(terms, quiet=quiet)
    locate_reference = obtaining.obtain(replace(terms, revision=None), quiet=quiet)
    present = obtaining.obtain(Terms(offline=True), quiet=True)
    bars = progress(quiet=quiet)
    result = measure(plan, progress=bars, locate=locate, locate_reference=locate_reference, present=present)
    show(result, form)
