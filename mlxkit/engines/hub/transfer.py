"""The bytes of one file, over HTTP, through whatever the network does.

Every try asks the Hub again for the rest of the file, and so gets a newly signed address; a try that brings bytes
renews the patience. The library follows the redirect, and keeps the token from any other host than the Hub.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event

import httpx2
from huggingface_hub import constants
from huggingface_hub.utils import get_session, hf_raise_for_status

from mlxkit.core.errors import HubError
from mlxkit.core.fetching import FetchPlan, RemoteFile
from mlxkit.core.progress import Advance
from mlxkit.engines.hub.api import request_headers, url_of
from mlxkit.engines.hub.crew import StoppedError
from mlxkit.engines.hub.partial import Partial
from mlxkit.engines.hub.patience import Patience, Sleep, TryAgainError, asked_wait, is_passing, may_pass
from mlxkit.engines.hub.settings import Hub
from mlxkit.engines.hub.translating import answered, offline, translated, unreachable

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
# The Hub gives no plain answer above 50 GB (huggingface_hub's MAX_HTTP_DOWNLOAD_SIZE), so parts are asked for.
_LARGEST_ANSWER = 32 * 2**30


class WrongSizeError(Exception):
    """The server's file is not of the size that the commit says; never leaves this package."""


@dataclass
class Tally:
    """What came of a transfer so far.

    Attributes:
        received_bytes: what the network brought, whether it could be used or not.
        retries: how often it was tried again.
    """

    received_bytes: int = 0
    retries: int = 0


@dataclass(frozen=True)
class Transfer:
    """How the files of a plan are brought over.

    Attributes:
        hub: how the Hub is set up.
        plan: what is fetched.
        patience: how much trouble is borne.
        sleep: waits between tries.
        stop: set when the work is called off.
    """

    hub: Hub
    plan: FetchPlan
    patience: Patience
    sleep: Sleep
    stop: Event

    def complete(self, file: RemoteFile, partial: Partial, advance: Advance, tally: Tally) -> None:
        """Fetch what `partial` lacks.

        Raises:
            HubError: patience came to its end, or the Hub refuses.
            WrongSizeError: the server's file has another size.
            StoppedError: the work was called off.
            OSError: the disk does not take the bytes.
        """
        fruitless = 0
        while partial.size_bytes < file.size_bytes:
            if self.hub.is_offline:  # what was here turned out wrong
                raise offline(self.plan.repo_id)
            before = partial.size_bytes
            trouble: TryAgainError | None = None
            try:
                with translated(self.hub, self.plan.repo_id, self.plan.revision):
                    self._receive(file, partial, advance, tally)
            except TryAgainError as error:
                trouble = error
            partial.flush()
            if partial.size_bytes >= file.size_bytes:
                return
            fruitless = 1 if partial.size_bytes > before else fruitless + 1
            self._wait(file, partial, trouble, fruitless)
            tally.retries += 1

    def _wait(self, file: RemoteFile, partial: Partial, trouble: TryAgainError | None, fruitless: int) -> None:
        wait = self.patience.wait_seconds(fruitless, trouble.wait_seconds if trouble else None)
        if wait is None and trouble is not None:
            raise trouble.cause from trouble.cause.__cause__
        if wait is None:
            raise HubError(
                f"{file.path!r} ends after {partial.size_bytes} of {file.size_bytes} bytes, again and again.",
                hint="run the same command again later; what was fetched is kept",
            )
        self.sleep(wait)
        if self.stop.is_set():
            raise StoppedError

    def _receive(self, file: RemoteFile, partial: Partial, advance: Advance, tally: Tally) -> None:
        url = url_of(self.hub, self.plan.repo_id, self.plan.commit, file.path)
        headers = request_headers(_span(file, partial.size_bytes))
        try:
            with get_session().stream("GET", url, headers=headers, timeout=self.patience.silence_seconds) as response:
                skipped = self._check(response, file, partial.size_bytes)
                self._read(response, skipped, file, partial, advance, tally)
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            if not may_pass(error):
                raise
            told = unreachable(error, self.hub)
            told.__cause__ = error
            raise TryAgainError(told) from error

    def _read(
        self,
        response: httpx2.Response,
        skipped: int,
        file: RemoteFile,
        partial: Partial,
        advance: Advance,
        tally: Tally,
    ) -> None:
        for chunk in response.iter_bytes():
            if self.stop.is_set():
                raise StoppedError
            tally.received_bytes += len(chunk)
            if skipped >= len(chunk):
                skipped -= len(chunk)
                continue
            piece = memoryview(chunk)[skipped:]
            skipped = 0
            if partial.size_bytes + len(piece) > file.size_bytes:
                raise WrongSizeError
            partial.append(piece)
            advance(len(piece))

    def _check(self, response: httpx2.Response, file: RemoteFile, position: int) -> int:
        """Return how many bytes at the answer's beginning are here already."""
        status = response.status_code
        if status == HTTPStatus.PARTIAL_CONTENT:
            return _overlap(response, file, position)
        if status == HTTPStatus.OK:  # the whole file, whatever was asked for: the same bytes, so they are skipped
            return position
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise WrongSizeError
        told = answered(status, self.hub, self.plan.repo_id)
        if is_passing(status):
            raise TryAgainError(told, asked_wait(response.headers))
        if _is_elsewhere(response):  # a signed address that has expired: the next try gets a new one
            raise TryAgainError(
                HubError(
                    f"The address that the Hub gives for {file.path!r} is refused ({status}).",
                    hint="check the clock and the proxy, then run the same command again: it continues",
                )
            )
        hf_raise_for_status(response)
        raise told


def _span(file: RemoteFile, position: int) -> dict[str, str]:
    extra = {constants.X_HF_DOWNLOAD_COUNTER: "1"}
    rest = file.size_bytes - position
    if rest > _LARGEST_ANSWER:
        return {**extra, "range": f"bytes={position}-{position + _LARGEST_ANSWER - 1}"}
    return {**extra, "range": f"bytes={position}-"} if position else extra


def _overlap(response: httpx2.Response, file: RemoteFile, position: int) -> int:
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if found is None or int(found[1]) > position or response.headers.get("content-encoding", "identity") != "identity":
        raise TryAgainError(
            HubError(
                f"The server sends another part of {file.path!r} than was asked for.",
                hint="run the same command again later; what was fetched is kept",
            )
        )
    if found[2] not in {"*", str(file.size_bytes)}:
        raise WrongSizeError
    return position - int(found[1])


def _is_elsewhere(response: httpx2.Response) -> bool:
    return bool(response.history) and response.url.origin != response.history[0].url.origin
