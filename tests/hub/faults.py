"""What goes wrong on the way, by plan: which answer, at which byte, how many times.

A fault with neither `at` nor `after` befalls the whole answer, before its first byte. With one of them it befalls the
body, in the answers whose range covers that byte of the file.

    drop          the connection ends as if the peer had gone: before the answer, or at that byte
    reset         the same with a TCP reset
    stall         nothing for `seconds`, then on
    status        an error: `status`, with `Retry-After` if given
    corrupt       one bit of the byte at `at` is flipped; length and headers are right
    truncate      the message is whole and its length right, but the file's bytes stop at `at`
    ignore_range  200 and the whole file, whatever range was asked for
    gzip          compressed, chunked, without a length, as the Hub sends text
    slow          `rate` bytes per second
    expired       the signed URL answers 403 from now on; a newly signed one works

A drop of anything but a GET comes after the request was obeyed: it is the answer that is lost. With a place, it comes
when the request's own body has arrived so far, and nothing is obeyed; a stall and a corruption strike such a body too.
A file being uploaded goes by its path in the repo or by its sha256, under the method PUT; `at` counts its bytes, also
when they come in parts. An error is told when the request has been read, so that its sender hears it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from threading import Lock
from typing import Literal, get_args

Kind = Literal[
    "drop", "reset", "stall", "status", "corrupt", "truncate", "ignore_range", "gzip", "slow", "expired"
]  # fmt: skip
Origin = Literal["hub", "cdn"]

_NEEDS_PLACE = ("corrupt", "truncate")
_WITHOUT_PLACE = ("ignore_range", "gzip", "slow", "expired")


def matches(pattern: str, names: Iterable[str]) -> bool:
    """Whether one of the paths ends in the pattern, from a slash on.

    >>> matches("model.safetensors", ["/o/n/resolve/main/model.safetensors"]), matches("l.bin", ["/o/n/model.bin"])
    (True, False)
    """
    return any(fnmatchcase(name, "*/" + pattern.lstrip("/")) for name in names)


@dataclass(frozen=True)
class Target:
    """The answer about to be given: the names it goes by, and what asked for it."""

    names: tuple[str, ...]
    method: str
    origin: Origin


@dataclass
class Fault:
    """One entry of the plan; `fired` counts what has come of it."""

    path: str
    kind: Kind
    at: int | None = None
    after: int | None = None
    times: int | None = 1
    method: str | None = "GET"
    origin: Origin | None = None
    seconds: float = 0.0
    status: int = 503
    retry_after: int | None = None
    rate: int = 1_000_000
    fired: int = 0

    def concerns(self, target: Target) -> bool:
        """Whether the answer is meant and the fault is not used up."""
        return (
            (self.times is None or self.fired < self.times)
            and self.method in (None, target.method)
            and self.origin in (None, target.origin)
            and matches(self.path, target.names)
        )

    def place(self, start: int) -> int | None:
        """Return the file's byte at which it strikes, in a body that begins at `start`; None without a place."""
        return self.at if self.after is None else start + self.after


@dataclass
class Faults:
    """The plan."""

    planned: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(
        self,
        path: str,
        kind: Kind,
        *,
        at: int | None = None,
        after: int | None = None,
        times: int | None = 1,
        method: str | None = "GET",
        origin: Origin | None = None,
        seconds: float = 0.0,
        status: int = 503,
        retry_after: int | None = None,
        rate: int = 1_000_000,
    ) -> Fault:
        """Plan a fault.

        Args:
            path: a file's path, or the end of a request's (`api/models/owner/name/commit/main`,
                `info/lfs/objects/batch`); `*` stands for anything.
            kind: what happens; see the module.
            at: byte of the file where it happens.
            after: the same counted from the beginning of each answer's body.
            times: how often; None is for ever.
            method: the requests meant; None is any.
            origin: the origin meant; None is either.
            seconds: how long a stall takes.
            status: the status of an error.
            retry_after: seconds in the `Retry-After` header of an error.
            rate: bytes per second of a slow body.
        """
        if kind not in get_args(Kind):
            raise ValueError(f"no such fault: {kind!r}; there are {', '.join(get_args(Kind))}")
        placed = at is not None or after is not None
        if (kind in _NEEDS_PLACE and not placed) or (kind in _WITHOUT_PLACE and placed):
            raise ValueError(f"{kind!r} {'has no place' if placed else 'needs `at` or `after`'}")
        fault = Fault(path, kind, at, after, times, method, origin, seconds, status, retry_after, rate)
        with self._lock:
            self.planned.append(fault)
        return fault

    def clear(self) -> None:
        """Forget the plan."""
        with self._lock:
            self.planned.clear()

    def take(self, target: Target, kinds: Collection[str]) -> Fault | None:
        """Return the next fault of the whole answer, and count it."""
        with self._lock:
            for fault in self.planned:
                if fault.kind in kinds and fault.place(0) is None and fault.concerns(target):
                    fault.fired += 1
                    return fault
        return None

    def take_within(
        self, target: Target, kinds: Collection[str], begun: int, span: range, struck: Collection[int] = ()
    ) -> tuple[int, Fault] | None:
        """Return the first fault whose place lies in `span`, with the place, and count it.

        Args:
            target: the answer.
            kinds: the faults that can be suffered now.
            begun: where this answer's body began, from which `after` is counted.
            span: bytes of the file.
            struck: `id`s of faults that this answer has already suffered.
        """
        with self._lock:
            found = [
                (place, fault)
                for fault in self.planned
                if fault.kind in kinds and id(fault) not in struck and fault.concerns(target)
                if (place := fault.place(begun)) is not None and place in span
            ]
            if not found:
                return None
            place, fault = min(found, key=lambda pair: pair[0])
            fault.fired += 1
            return place, fault
