"""Where results, progress and words go: results on stdout, all else on stderr."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import click

from mlxkit.core.progress import Advance, Progress, Silent
from mlxkit.core.report import Result


def show(result: Result, form: str) -> None:
    """Print a result; end with its exit status when it fails.

    Raises:
        MlxkitError: the result's failure, after the result was printed as text or Markdown.
    """
    click.echo(_rendered(result, form))
    if result.failure is not None:
        if form == "json":
            click.get_current_context().exit(result.failure.exit_status)
        raise result.failure


def _rendered(result: Result, form: str) -> str:
    # The one place, beside the use-cases, that is imported late: each layout pulls in a library of its own.
    if form == "json":
        from mlxkit.render.envelope import result_envelope  # noqa: PLC0415

        return result_envelope(result)
    if form == "markdown":
        from mlxkit.render.markdown import render_markdown  # noqa: PLC0415

        return render_markdown(result.report())
    from mlxkit.render.text import render_text  # noqa: PLC0415

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    return render_text(result.report(), width=width, color=terminal and not os.environ.get("NO_COLOR"))


def progress(*, quiet: bool) -> Progress:
    """Return progress for stderr when it is a terminal, silence when it is not."""
    return Silent() if quiet or not sys.stderr.isatty() else Bars()


class Bars:
    """Progress bars on stderr, gone when their phase is done."""

    @contextmanager
    def phase(self, name: str, total: int | None, unit: Literal["bytes", "count"], done: int = 0) -> Iterator[Advance]:
        """Show a bar: what, how much of it, how fast, and how long it still takes."""
        from rich import progress as bars  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415

        amounts = {"bytes": (bars.DownloadColumn(), bars.TransferSpeedColumn()), "count": (bars.MofNCompleteColumn(),)}
        columns = (
            bars.SpinnerColumn(),
            bars.TextColumn("{task.description}"),
            *((bars.BarColumn(), *amounts[unit], bars.TimeRemainingColumn()) if total is not None else ()),
        )
        with bars.Progress(*columns, console=Console(stderr=True), transient=True) as display:
            task = display.add_task(name, total=total, completed=done)
            yield lambda more: display.update(task, advance=more)
