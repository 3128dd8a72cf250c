"""Where results, progress and words go: results on stdout, all else on stderr."""

import os
import shutil
import sys

import click

from mlxkit.cli.asking import is_terminal
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.report import Result


def show(result: Result, form: str) -> None:
    """Print a result; end with its exit status when it fails.

    Raises:
        MlxkitError: the result's failure, after the result was printed as text or Markdown.
    """
    click.echo(rendered(result, form))
    if result.failure is not None:
        if form == "json":
            click.get_current_context().exit(result.failure.exit_status)
        raise result.failure


def rendered(result: Result, form: str, *, is_file: bool = False) -> str:
    """Return a result as text.

    Args:
        result: what to show.
        form: one of `options.FORMS`, or csv.
        is_file: it is for a file, whatever stdout is.
    """
    # The one place, beside the use-cases, that is imported late: each layout pulls in a library of its own.
    if form == "json":
        from mlxkit.render.envelope import result_envelope  # noqa: PLC0415

        return result_envelope(result)
    if form == "markdown":
        from mlxkit.render.markdown import render_markdown  # noqa: PLC0415

        return render_markdown(result.report())
    if form == "csv":
        from mlxkit.render.commas import render_csv  # noqa: PLC0415

        return render_csv(result.report())
    from mlxkit.render.text import render_text  # noqa: PLC0415

    terminal = is_terminal(sys.stdout) and not is_file
    width = shutil.get_terminal_size().columns if terminal else None
    return render_text(result.report(), width=width, color=terminal and not os.environ.get("NO_COLOR"))


def progress(*, quiet: bool) -> Progress:
    """Return progress for stderr when it is a terminal, silence when it is not."""
    if quiet or not is_terminal(sys.stderr):
        return Silent()
    from mlxkit.cli.bars import Bars  # noqa: PLC0415  it stands on rich

    return Bars()
