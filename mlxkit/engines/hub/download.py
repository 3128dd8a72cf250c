"""A plan's files brought into the cache: several at once, each checked by its digest, stopped at once when asked."""

import time
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from functools import partial as partial_of
from pathlib import Path
from threading import Event

from huggingface_hub.utils import WeakFileLock

from mlxkit.core.errors import IntegrityError
from mlxkit.core.fetching import FetchPlan, RemoteFile
from mlxkit.core.progress import Advance, Progress, Silent
from mlxkit.engines.hub.cache import check_room
from mlxkit.engines.hub.crew import StoppedError, in_parallel
from mlxkit.engines.hub.layout import Room, conclude, has_links, is_present, is_shown, link, prepare, writing
from mlxkit.engines.hub.partial import Partial, digest_file, path_of
from mlxkit.engines.hub.patience import Patience, Sleep
from mlxkit.engines.hub.settings import Hub
from mlxkit.engines.hub.transfer import Tally, Transfer, WrongSizeError
from mlxkit.engines.hub.translating import offline

_LOCK_SECONDS = 0.5
_TRIES = 2  # a content that is wrong is fetched once more


@dataclass(frozen=True)
class FetchedFile:
    """What became of a file.

    Attributes:
        file: the file; its digest is what the content was checked against.
        fetched_bytes: what the network brought for it, waste included.
        reused_bytes: what was here already, from an earlier or another process.
        retries: how often a request was repeated.
        seconds: from its turn to its end, waiting included.
        is_checked: the digest was computed in this run, not only the size compared.
    """

    file: RemoteFile
    fetched_bytes: int
    reused_bytes: int
    retries: int
    seconds: float
    is_checked: bool


@dataclass(frozen=True)
class Fetched:
    """What became of a plan.

    Attributes:
        folder: the snapshot in the cache, a folder of links.
        files: what became of each file, in the plan's order.
        seconds: for all of them.
    """

    folder: Path
    files: tuple[FetchedFile, ...]
    seconds: float

    @property
    def fetched_bytes(self) -> int:
        """What the network brought."""
        return sum(file.fetched_bytes for file in self.files)

    @property
    def reused_bytes(self) -> int:
        """What was here already."""
        return sum(file.reused_bytes for file in self.files)

    @property
    def retries(self) -> int:
        """How often a request was repeated."""
        return sum(file.retries for file in self.files)


def fetch(
    hub: Hub,
    plan: FetchPlan,
    *,
    asked: str | None = None,
    verify: bool = False,
    workers: int = 4,
    progress: Progress | None = None,
    patience: Patience | None = None,
    sleep: Sleep | None = None,
) -> Fetched:
    """Bring a plan's files into the cache. What is fetched is checked by its digest before it gets a good name.

    A fetch that was interrupted, even by a kill, is continued inside the file. Of two that run at once, one waits.

    Args:
        hub: how the Hub is set up.
        plan: what to fetch.
        asked: the name that the user asked for, when the repo was renamed; found under it later, too.
        verify: check what is here already by its digest as well, and fetch it again if it is wrong.
        workers: how many files at once, 1 to 8.
        progress: told of the whole and of each file; its phases are opened by several threads.
        patience: how much trouble is borne.
        sleep: waits between tries; must not outlast a call to stop.

    Raises:
        HubError: the Hub, the network or the cache's permissions stand in the way.
        DoesNotFitError: the disk has no room, or no more.
        IntegrityError: a file is wrong twice.
    """
    if hub.is_offline and plan.fetch_bytes:
        raise offline(plan.repo_id)
    check_room(hub, plan)
    begin = time.monotonic()
    room = Room(hub.cache, plan.repo_id)
    stop = Event()
    transfer = Transfer(hub, plan, patience or Patience(), sleep or stop.wait, stop)
    fetching = Fetching(transfer, room, progress or Silent(), verify=verify)
    with writing(hub.cache):
        prepare(room, plan)
        done = fetching.work(workers)
        with suppress(OSError) if not plan.fetch_bytes else nullcontext():  # a cache that is only read is used, too
            conclude(room, plan, asked or plan.repo_id)
    files = tuple(done[planned.file.path] for planned in plan.files)
    return Fetched(room.snapshot(plan.commit), files, time.monotonic() - begin)


class Fetching:
    """One plan being carried out.

    Args:
        transfer: how bytes are brought.
        room: where they go.
        progress: told of the whole and of each file.
        verify: what is here is checked as well.
    """

    def __init__(self, transfer: Transfer, room: Room, progress: Progress, *, verify: bool) -> None:
        self._transfer = transfer
        self._stop = transfer.stop
        self._plan = transfer.plan
        self._room = room
        self._progress = progress
        self._verify = verify
        self._by_link = True
        self._planned = {planned.file.path: planned.present_bytes for planned in transfer.plan.files}

    def work(self, workers: int) -> dict[str, FetchedFile]:
        """Fetch everything; return what became of each path.

        Raises:
            BaseException: the first that befell a file, or an interruption.
        """
        self._by_link = has_links(self._room)
        shared: dict[str, list[RemoteFile]] = {}
        for planned in self._plan.files:
            shared.setdefault(planned.file.blob if self._by_link else planned.file.path, []).append(planned.file)
        name, total = f"fetching {self._plan.repo_id}", self._plan.total_bytes
        with self._progress.phase(name, total, "bytes", done=self._plan.present_bytes) as advance:
            jobs = [partial_of(self._obtain, files, advance) for files in shared.values()]
            outcomes = in_parallel(jobs, workers, self._stop)
            return {result.file.path: result for results in outcomes for result in results}

    def _obtain(self, files: list[RemoteFile], advance: Advance) -> list[FetchedFile]:
        if not self._verify and all(is_shown(self._room, self._plan.commit, file) for file in files):
            return [FetchedFile(file, 0, file.size_bytes, 0, 0.0, is_checked=False) for file in files]
        file, begin = files[0], time.monotonic()
        with ExitStack() as stack:
            self._lock(file, stack)
            tally = Tally()
            reused = self._reused_bytes(file)
            is_fetched = reused < file.size_bytes or not is_present(self._room, self._plan.commit, file)
            if is_fetched:
                reused = self._fetch(file, advance, tally)
            for each in files:
                link(self._room, self._plan.commit, each, by_link=self._by_link)
                if each is not file or not is_fetched:  # it came with another file, or from another process
                    advance(each.size_bytes - self._planned[each.path])
        seconds = time.monotonic() - begin
        first = FetchedFile(file, tally.received_bytes, reused, tally.retries, seconds, is_fetched or self._verify)
        return [first, *(FetchedFile(each, 0, each.size_bytes, 0, 0.0, first.is_checked) for each in files[1:])]

    def _lock(self, file: RemoteFile, stack: ExitStack) -> None:
        while True:
            try:
                stack.enter_context(WeakFileLock(self._room.lock(file), timeout=_LOCK_SECONDS))
            except TimeoutError:  # another process has it
                if self._stop.is_set():
                    raise StoppedError from None
            else:
                return

    def _reused_bytes(self, file: RemoteFile) -> int:
        """Return how much is here under a good name: all or nothing. What is wrong there is removed."""
        if not is_present(self._room, self._plan.commit, file):
            return 0
        blob = self._room.blob(file)
        path = blob if blob.exists() else self._room.snapshot(self._plan.commit) / file.path
        if self._verify:
            with self._progress.phase(f"checking {file.path}", file.size_bytes, "bytes") as checked:
                if digest_file(path, file, self._telling(checked)) != file.blob:
                    path.unlink()
                    return 0
        return file.size_bytes

    def _telling(self, advance: Advance) -> Advance:
        def tell(done: int, _found: str = "", /) -> None:
            if self._stop.is_set():
                raise StoppedError
            advance(done)

        return tell

    def _fetch(self, file: RemoteFile, advance: Advance, tally: Tally) -> int:
        """Bring a file under its good name; return how much of it an earlier process had left."""
        path, blob = path_of(self._room.blob(file)), self._room.blob(file)
        with Partial(path, file, self._telling(lambda _done, _found="": None)) as partial:
            found = partial.size_bytes
            advance(found - self._planned[file.path])  # since the plan was made, it may have grown, or been found wrong
            with self._progress.phase(f"fetching {file.path}", file.size_bytes, "bytes", done=found) as mine:

                def both(done: int, _found: str = "", /) -> None:
                    mine(done)
                    advance(done)

                for _ in range(_TRIES):
                    if self._is_complete(file, partial, both, tally):
                        break
                    wrong = partial.digest()
                    both(-partial.size_bytes)
                    partial.discard()
                    found = 0
                    tally.retries += 1
                else:
                    path.unlink(missing_ok=True)
                    raise IntegrityError(
                        f"{file.path!r} of {self._plan.repo_id!r} is wrong, twice: expected {file.blob}, got {wrong}.",
                        hint="run the same command again; if it stays so, a proxy changes what passes",
                    )
        self._publish(path, blob)
        return found

    def _is_complete(self, file: RemoteFile, partial: Partial, advance: Advance, tally: Tally) -> bool:
        try:
            self._transfer.complete(file, partial, advance, tally)
        except WrongSizeError:
            return False
        return partial.is_right()

    def _publish(self, path: Path, blob: Path) -> None:
        try:
            path.replace(blob)
        except FileNotFoundError:
            if not blob.exists():  # else: on a disk whose locks do nothing, another process was faster
                raise
