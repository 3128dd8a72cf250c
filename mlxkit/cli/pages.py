"""Where pages go: into a file, whole or not at all, or to stdout."""

import sys
from pathlib import Path
from typing import Protocol

import click

from mlxkit.cli.asking import aside, is_terminal
from mlxkit.cli.output import rendered
from mlxkit.cli.pictures import write_whole
from mlxkit.core.errors import PlanError
from mlxkit.core.frontier import Frontier, Metric
from mlxkit.core.report import Result

HTML = "html"


class Paged(Result, Protocol):
    """A result that makes a page, too."""

    @property
    def frontier(self) -> Frontier:
        """What is on it."""

    @property
    def metric(self) -> Metric:
        """What it begins with."""


def demand_place(form: str, destination: Path | None) -> None:
    """Refuse a page that would end on a terminal.

    Raises:
        PlanError: it would.
    """
    if form == HTML and destination is None and is_terminal(sys.stdout):
        raise PlanError("A page of HTML is nothing to read on a terminal.", hint="name a file: -o report.html")


def deliver(result: Paged, form: str, destination: Path | None, *, quiet: bool) -> None:
    """Print a result, or write it into a file; one that is there is replaced once the new one is complete.

    Args:
        result: what to show.
        form: as `options.paged` gives it.
        destination: the file; None for stdout.
        quiet: say nothing of the file.

    Raises:
        DoesNotFitError: the disk is full.
        MlxkitError: the file cannot be written.
    """
    text = _page(result) if form == HTML else rendered(result, form, is_file=destination is not None)
    if destination is None:
        click.echo(text)
        return
    write_whole(f"{text}\n".encode("utf-8", "replace"), destination)
    if not quiet:
        aside(f"Written to {str(destination)!r}.")


def _page(result: Paged) -> str:
    from mlxkit.render.page import render_page  # noqa: PLC0415  it reads templates

    return render_page(result.frontier, result.metric.name)
