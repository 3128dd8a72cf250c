"""When to try again, after how long, and when to give up: as long as bytes arrive, never."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import parse_ratelimit_headers

Sleep = Callable[[float], object]
"""Waits that many seconds, or until the work is called off."""

_Answer = TypeVar("_Answer")

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_ERRORS = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.DecodingError)


class TryAgainError(Exception):
    """What went wrong may pass; never leaves this package.

    Args:
        cause: what it is, ready to be told once patience ends.
        wait_seconds: how long the server asks to wait.
    """

    def __init__(self, cause: Exception, wait_seconds: float | None = None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Patience:
    """How much trouble is borne.

    Attributes:
        tries: how many tries in a row may bring nothing.
        first_seconds: the wait after the first of them; it doubles from one to the next.
        longest_seconds: the longest such wait.
        obeyed_seconds: the longest wait that a server may ask for; beyond that it is told to the user.
        silence_seconds: how long a server may send nothing, before the connection counts as broken.
    """

    tries: int = 8
    first_seconds: float = 0.5
    longest_seconds: float = 20.0
    obeyed_seconds: float = 600.0
    silence_seconds: float = float(constants.HF_HUB_DOWNLOAD_TIMEOUT)

    def wait_seconds(self, fruitless: int, asked_seconds: float | None) -> float | None:
        """Return how long to wait before the next try, or None to give up.

        Args:
            fruitless: how many tries in a row brought nothing.
            asked_seconds: what the server asked for.
        """
        if fruitless >= self.tries or (asked_seconds or 0.0) > self.obeyed_seconds:
            return None
        if asked_seconds is not None:
            return asked_seconds
        backoff = min(self.longest_seconds, self.first_seconds * 2.0 ** max(fruitless - 1, 0))
        # Many who were cut off at once should not come back at once.
        return backoff * random.uniform(0.5, 1.0)  # noqa: S311  not for secrets


IMPATIENT = Patience(tries=3, longest_seconds=4.0, obeyed_seconds=60.0)
"""For a first contact: when the network is down, the user should hear of it soon."""


def may_pass(error: Exception) -> bool:
    """Say whether the same request may succeed a moment later."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    return isinstance(error, _PASSING_ERRORS)


def is_passing(status: int) -> bool:
    """Say whether the same request may get another status a moment later."""
    return status in _PASSING


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds a server asks to be left alone: `RateLimit` when it is used up, or `Retry-After`."""
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isdigit() else None


def patiently(call: Callable[[], _Answer], sleep: Sleep, patience: Patience = IMPATIENT) -> _Answer:
    """Return what a call returns, trying again while its errors may pass.

    Args:
        call: one request.
        sleep: waits between tries.
        patience: how often.
    """
    fruitless = 0
    while True:
        try:
            return call()
        except (httpx2.HTTPError, OSError) as error:
            fruitless += 1
            asked = asked_wait(error.response.headers) if isinstance(error, HfHubHTTPError) else None
            wait = patience.wait_seconds(fruitless, asked) if may_pass(error) else None
            if wait is None:
                raise
            sleep(wait)
