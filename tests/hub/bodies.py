"""A file as an answer: ranges, and the faults that strike within a body.

The connection itself is reached through `Wire`, which puts its transport into the request's state.
"""

import asyncio
import gzip
import re
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.hub.faults import Fault, Faults, Kind, Target
from tests.hub.repos import Blob

_PIECE_BYTES = 256 << 10
_SLOW_PIECES_PER_SECOND = 50
_SEND_BUFFER_BYTES = 1 << 20
_WITHIN: tuple[Kind, ...] = ("drop", "reset", "stall", "corrupt")


class Wire(H11Protocol):
    """A connection whose transport the application can reach, to end it as a network would."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the transport at hand; bound what the kernel holds, so that bytes counted were nearly all received."""
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


async def cut(transport: asyncio.Transport, kind: Kind) -> None:
    """End a connection: what was sent arrives, then nothing (drop) or a reset."""
    while transport.get_write_buffer_size() and not transport.is_closing():
        await asyncio.sleep(0.005)
    if kind == "reset":
        await asyncio.sleep(0.05)  # a reset throws away what the kernel has not sent yet
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()


async def pause(transport: asyncio.Transport, seconds: float) -> None:
    """Wait, unless the peer goes away first."""
    end = asyncio.get_running_loop().time() + seconds
    while not transport.is_closing() and (left := end - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(left, 0.05))


def failure(fault: Fault) -> Response:
    """Return the error that a fault of kind `status` plans."""
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return JSONResponse({"error": f"planned {fault.status}"}, fault.status, headers)


def asked_range(header: str | None, size: int) -> range | None:
    """Return the bytes a Range header asks for, empty if it cannot be satisfied; None if there is none to honour.

    >>> asked_range("bytes=2-", 10), asked_range("bytes=-3", 10), asked_range("bytes=10-", 10), asked_range(None, 10)
    (range(2, 10), range(7, 10), range(10, 10), None)
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return range(max(size - int(last), 0), size)
    if last and int(last) < int(first):
        return None
    return range(min(int(first), size), min(int(last) + 1, size) if last else size)


@dataclass
class FileAnswer:
    """An ASGI application that sends one file, or what the plan makes of it."""

    blob: Blob
    headers: Mapping[str, str]
    target: Target
    faults: Faults
    count: Callable[[int], None]
    """Told how many bytes of the body went out, as they go."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or a HEAD."""
        request = Request(scope)
        span, status = self._span(request)
        body_begins = 0 if span is None else span.start
        headers = {"Accept-Ranges": "bytes", **self.headers}
        if span is not None and not span:
            headers |= {"Content-Range": f"bytes */{self.blob.size}"}
            return await Response(status_code=416, headers=headers)(scope, receive, send)
        if span is not None:
            headers |= {"Content-Range": f"bytes {span.start}-{span.stop - 1}/{self.blob.size}"}
        sent = span or range(self.blob.size)
        if found := self.faults.take_within(self.target, ("status",), body_begins, sent):
            return await failure(found[1])(scope, receive, send)
        if span is None and self._compresses(request):
            return await self._send_compressed(headers, scope, receive, send)
        if found := self.faults.take_within(self.target, ("truncate",), body_begins, sent):
            sent = range(sent.start, found[0])
        await send(_head(status, {**headers, "Content-Length": str(len(sent))}))
        whole = request.method == "HEAD" or await self._send_span(sent, request.state.transport, send)
        if whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        return None

    def _span(self, request: Request) -> tuple[range | None, int]:
        span = asked_range(request.headers.get("range"), self.blob.size)
        condition = request.headers.get("if-range")
        if span is None or (condition is not None and condition != self.headers.get("ETag")):
            return None, 200
        return (None, 200) if self.faults.take(self.target, ("ignore_range",)) else (span, 206)

    def _compresses(self, request: Request) -> bool:
        accepted = "gzip" in request.headers.get("accept-encoding", "")
        return accepted and self.faults.take(self.target, ("gzip",)) is not None

    async def _send_compressed(self, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        packed = gzip.compress(self.blob.content.read(0, self.blob.size))
        self.count(len(packed))
        await send(_head(200, {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}))
        await send({"type": "http.response.body", "body": packed, "more_body": False})

    async def _send_span(self, span: range, transport: asyncio.Transport, send: Send) -> bool:
        """Send those bytes of the file, suffering what is planned; return whether all of them went out."""
        slow = self.faults.take(self.target, ("slow",))
        step = max(min(slow.rate // _SLOW_PIECES_PER_SECOND, _PIECE_BYTES), 1) if slow else _PIECE_BYTES
        begun = time.monotonic()
        struck: set[int] = set()
        position = span.start
        while position < span.stop:
            piece = range(position, min(position + step, span.stop))
            if slow:
                await pause(transport, begun + (piece.stop - span.start) / slow.rate - time.monotonic())
            found = self.faults.take_within(self.target, _WITHIN, span.start, piece, struck)
            place, fault = found or (piece.stop, None)
            if not await self._send_piece(range(position, place), transport, send):
                return False
            position = place
            if fault is not None:
                struck.add(id(fault))
                position += await self._suffer(fault, place, transport, send)
        return True

    async def _send_piece(
        self, piece: range, transport: asyncio.Transport, send: Send, *, is_corrupt: bool = False
    ) -> bool:
        data = self.blob.content.read(piece.start, piece.stop)
        if is_corrupt:
            data = bytes([data[0] ^ 1]) + data[1:]
        if transport.is_closing():
            return False
        self.count(len(data))  # before they go: whoever has the last byte finds it counted
        if data:
            await send({"type": "http.response.body", "body": data, "more_body": True})
        return not transport.is_closing()

    async def _suffer(self, fault: Fault, place: int, transport: asyncio.Transport, send: Send) -> int:
        """Let a fault happen; return how many bytes it has sent."""
        if fault.kind == "stall":
            await pause(transport, fault.seconds)
        elif fault.kind == "corrupt":
            await self._send_piece(range(place, place + 1), transport, send, is_corrupt=True)
            return 1
        else:
            await cut(transport, fault.kind)
        return 0


def _head(status: int, headers: Mapping[str, str]) -> Message:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}
