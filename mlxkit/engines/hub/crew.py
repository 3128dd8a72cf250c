"""Several things at once, and an end to all of them at once.

An executor waits for what is in flight before an interruption gets through. These threads are told to stop, given a
moment to put away what they have, and left behind if they hang in the network: they are daemons.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

MOST_WORKERS = 8
_LOOK_SECONDS = 0.1
_FAREWELL_SECONDS = 1.0

_Outcome = TypeVar("_Outcome")


class StoppedError(Exception):
    """The work was called off; never leaves this package."""


def in_parallel(jobs: Sequence[Callable[[], _Outcome]], workers: int, stop: Event) -> Iterator[_Outcome]:
    """Yield what the jobs return, as they end.

    Args:
        jobs: what to do; started in this order. A job should look at `stop` often, and raise `StoppedError` then.
        workers: how many at once, 1 to 8.
        stop: set when the iteration ends, for whatever reason.

    Raises:
        BaseException: the first that a job raised.
    """
    todo: SimpleQueue[Callable[[], _Outcome]] = SimpleQueue()
    outcomes: SimpleQueue[tuple[_Outcome] | BaseException] = SimpleQueue()
    for job in jobs:
        todo.put(job)
    threads = [
        Thread(target=_serve, args=(todo, outcomes, stop), daemon=True)
        for _ in range(max(1, min(workers, MOST_WORKERS, len(jobs))))
    ]
    started: list[Thread] = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
        for _ in jobs:
            outcome = _next(outcomes)
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome[0]
    finally:
        stop.set()
        _part(started)


def _serve(
    todo: "SimpleQueue[Callable[[], _Outcome]]",
    outcomes: "SimpleQueue[tuple[_Outcome] | BaseException]",
    stop: Event,
) -> None:
    while not stop.is_set():
        try:
            job = todo.get_nowait()
        except Empty:
            return
        try:
            outcomes.put((job(),))
        except StoppedError:
            return
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits for the outcomes
            outcomes.put(error)
            return


def _next(
    outcomes: "SimpleQueue[tuple[_Outcome] | BaseException]",
) -> tuple[_Outcome] | BaseException:
    while True:
        try:
            return outcomes.get(timeout=_LOOK_SECONDS)  # a wait without an end cannot be interrupted everywhere
        except Empty:
            continue


def _part(threads: Sequence[Thread]) -> None:
    end = time.monotonic() + _FAREWELL_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
