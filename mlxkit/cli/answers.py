"""One answer on stdout as it comes, and nothing else there: libraries that print do so on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

from mlxkit.cli.asking import aside, is_terminal, say_notes
from mlxkit.cli.output import show
from mlxkit.core.wording import printable
from mlxkit.render.quantities import shown
from mlxkit.usecases.run import Conversation, RunResult


def answer_once(conversation: Conversation, prompt: str, form: str, *, quiet: bool) -> None:
    """Print the answer to one prompt: as text while it comes, as JSON or Markdown when it is whole.

    Raises:
        MlxkitError: it was interrupted, or could not be given.
    """
    if form != "text":
        with on_stdout():
            result = conversation.ask(prompt, lambda _text: None)
        show(result, form)
        return
    say_notes(conversation.notes, quiet=quiet)
    result = stream(conversation, prompt)
    if not quiet:
        aside(statistics(result))
    if result.failure is not None:
        raise result.failure


def stream(conversation: Conversation, prompt: str) -> RunResult:
    """Print an answer on stdout as it comes, and end its line."""
    with on_stdout() as write:
        result = conversation.ask(prompt, write)
        if not result.answer.text.endswith("\n"):
            write("\n")
    return result


@contextmanager
def on_stdout() -> Iterator[Callable[[str], None]]:
    """Yield what writes to stdout at once, and send all that others print meanwhile to stderr.

    On a terminal control characters are replaced: what a model says must not move the cursor or set the title.
    """
    out, terminal = sys.stdout, is_terminal(sys.stdout)

    def write(text: str) -> None:
        if out is None:  # the process was started with it closed
            return
        out.write(printable(text) if terminal else text)
        out.flush()

    with redirect_stdout(sys.stderr):
        yield write


def statistics(result: RunResult) -> str:
    """Return the line that stands under an answer: tokens, speeds, time to the first token, memory."""
    answer = result.answer
    reused = f" ({answer.reused_tokens} reused)" if answer.reused_tokens else ""
    parts = [
        f"{answer.prompt_tokens} prompt token{'s'[: answer.prompt_tokens != 1]}{reused}{_at(answer.prompt_tps)}",
        f"{answer.timing.tokens} generated{_at(answer.timing.generation_tps)}",
    ]
    if answer.timing.ttft_seconds is not None:
        parts.append(f"first after {shown(answer.timing.ttft_seconds, 'seconds')}")
    parts.append(f"peak {shown(answer.peak_memory_bytes, 'bytes')}")
    if answer.finish == "length":
        by = "the end of memory" if result.is_capped else f"--max-tokens {result.settled.max_tokens}"
        parts.append(f"cut off by {by}")
    if result.is_beyond:
        parts.append(f"beyond the model's context of {result.context:,} tokens")
    if answer.finish == "interrupted":
        parts.append("interrupted")
    return " · ".join(parts)


def _at(speed: float | None) -> str:
    return "" if speed is None else f", {shown(speed, 'tps')}"
