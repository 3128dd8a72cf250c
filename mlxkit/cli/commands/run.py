"""`mlxkit run`."""

import click

from mlxkit.cli import asking, obtaining, options
from mlxkit.cli.output import progress
from mlxkit.core.located import Terms
from mlxkit.core.sampling import Asked

_SHARE = click.FloatRange(0, 1, min_open=True)


@click.command()
@click.argument("model", envvar="MLXKIT_MODEL", default="tiny")
@click.argument("prompt", required=False)
@click.option("--system", metavar="TEXT", help="The system prompt.")
@click.option("--max-tokens", type=click.IntRange(1), help="Bound of an answer. [default: the checkpoint's, else 2048]")
@click.option("--temperature", type=click.FloatRange(0, 100), help="0 takes the likeliest token.")
@click.option("--top-p", type=_SHARE, help="Keep the likeliest tokens up to this share of probability.")
@click.option("--top-k", type=click.IntRange(0, 2**31 - 1), help="Keep so many of the likeliest tokens; 0 keeps all.")
@click.option("--min-p", type=click.FloatRange(0, 1), help="Drop tokens below this share of the likeliest one.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), help="Draw the same tokens again.")
@click.option("--stop", multiple=True, metavar="TEXT", help="End the answer before TEXT. May be given again.")
@click.option("--raw", is_flag=True, help="Continue PROMPT as it is, without the chat template.")
@options.force
@options.trust
@options.terms
@options.output
@click.pass_context
def run(
    context: click.Context,
    model: str,
    prompt: str | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    top_p: float | None,
    top_k: int | None,
    min_p: float | None,
    seed: int | None,
    stop: tuple[str, ...],
    raw: bool,
    force: bool,
    trust_remote_code: bool,
    terms: Terms,
    form: str,
    quiet: bool,
) -> None:
    """Ask MODEL one PROMPT, or chat with it.

    PROMPT may be - for stdin; when it is left out, a pipe is read, and on a terminal a chat begins, where /help says
    more. MODEL, when it is left out, is MLXKIT_MODEL, else tiny; what is missing of it is fetched.

    Sampling that is not given comes from the checkpoint's generation_config.json; what that leaves open is off, so that
    the likeliest token is taken.

    \b
    mlxkit run tiny "12 + 7 ="
    mlxkit run mlx-community/Qwen3-0.6B-4bit "Why is the sky blue?"
    """
    prompt = asking.prompt_from(prompt, form)
    asking.say_model(context, model, quiet=quiet)

    from mlxkit.cli import answers
    from mlxkit.usecases.run import RunPlan, converse

    asked = Asked(temperature, top_p, top_k, min_p, max_tokens)
    plan = RunPlan(model, prompt, system, raw, asked, seed, stop, trust_remote_code, force)
    with answers.on_stdout():
        locate = obtaining.obtain(terms, quiet=quiet)
        conversation = converse(plan, progress=progress(quiet=quiet), locate=locate)
    if prompt is None:
        from mlxkit.cli import chat  # its editing of lines costs an answer's start too much

        chat.chat(conversation, quiet=quiet)
    else:
        answers.answer_once(conversation, prompt, form, quiet=quiet)
