"""Progress on a terminal: one live display on stderr, in which every phase that is open has its line."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Literal

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from mlxkit.core.progress import Advance
from mlxkit.core.wording import printable

_UNIT = "unit"


class Only(ProgressColumn):
    """A column for the phases that have a total, or for those that count one unit.

    Args:
        column: what it shows.
        unit: ``bytes`` or ``count``; None for both.
    """

    def __init__(self, column: ProgressColumn, unit: Literal["bytes", "count"] | None = None) -> None:
        super().__init__()
        self._column = column
        self._unit = unit

    def render(self, task: Task) -> RenderableType:
        """Return what the column shows, or nothing."""
        is_shown = task.total is not None and self._unit in (None, task.fields[_UNIT])
        return self._column(task) if is_shown else ""


class Bars:
    """Progress bars on stderr, each gone when its phase is done, and the display with the last of them.

    Phases may be opened, advanced and closed by several threads. When one of them breaks, nothing more is shown: the
    threads that are left behind must not draw over what is said then.

    Args:
        console: where to draw; None for stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._lock = Lock()
        self._display: Progress | None = None
        self._open = 0
        self._is_over = False

    @contextmanager
    def phase(self, name: str, total: int | None, unit: Literal["bytes", "count"], done: int = 0) -> Iterator[Advance]:
        """Show a bar: what, how much of it, how fast, and how long it still takes."""
        shown = self._opened(name, total, unit, done)
        if shown is None:
            yield lambda _more, _found="": None
            return
        display, task = shown
        try:
            yield partial(_advance, display, task)
        except BaseException:
            self._end()
            raise
        self._closed(display, task)

    def _opened(self, name: str, total: int | None, unit: str, done: int) -> tuple[Progress, TaskID] | None:
        with self._lock:
            if self._is_over:
                return None
            if self._display is None:
                self._display = Progress(*_columns(), console=self._console, transient=True)
                self._display.start()
            self._open += 1
            return self._display, self._display.add_task(
                printable(name), total=total, completed=done, unit=unit, found=""
            )

    def _closed(self, display: Progress, task: TaskID) -> None:
        with self._lock:
            if self._display is not display:
                return
            self._open -= 1
            display.remove_task(task)
            if not self._open:
                display.stop()
                self._display = None

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            if self._display is not None:
                self._display.stop()
                self._display = None


def _advance(display: Progress, task: TaskID, done: int, found: str = "", /) -> None:
    display.advance(task, done)
    if found:
        display.update(task, found=printable(found))


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        Only(BarColumn(bar_width=24)),
        Only(DownloadColumn(), "bytes"),
        Only(TransferSpeedColumn(), "bytes"),
        Only(MofNCompleteColumn(), "count"),
        Only(TimeRemainingColumn()),
        TextColumn("{task.fields[found]}", markup=False),
    )
