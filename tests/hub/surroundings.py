"""What comes around each answer: the record of requests, and the faults that befall one whole or in its body."""

from collections import Counter

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.hub.bodies import cut, failure, pause
from tests.hub.faults import Origin, Target
from tests.hub.intake import Intake, peek
from tests.hub.objects import Upload, recognise
from tests.hub.state import Seen, TestHub

_TELLING_BYTES = 512


class Surroundings:
    """The middleware of both origins."""

    def __init__(self, app: ASGIApp, hub: TestHub, origin: Origin) -> None:
        self.app, self.hub, self.origin = app, hub, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the request, then answer it or not."""
        request = Request(scope)
        path = scope["path"]
        seen = Seen(request.method, path, dict(request.headers))
        (self.hub.requests if self.origin == "hub" else self.hub.cdn_requests).append(seen)
        coming = self.hub.uploads.at(path) if self.origin == "cdn" and request.method == "PUT" else None
        begun, counted = 0, Counter[int]()
        if coming is not None:
            receive = await self._look_at(*coming, receive)
            begun, counted = coming[0].begins(coming[1]), coming[0].received
        number = coming[1] if coming else 0
        target = Target(self._names(path, coming[0] if coming else None), request.method, self.origin)

        def count(size: int) -> None:
            counted[number] += size

        intake = Intake(receive, request.state.transport, target, self.hub.faults, begun=begun, count=count)
        try:
            await self._answer(scope, intake, send, target)
        except ClientDisconnect:
            return  # nobody is there to be answered

    async def _answer(self, scope: Scope, intake: Intake, send: Send, target: Target) -> None:
        transport = Request(scope).state.transport
        brings_body = target.method not in ("GET", "HEAD")
        while stall := self.hub.faults.take(target, ("stall",)):
            await pause(transport, stall.seconds)
        if fault := self.hub.faults.take(target, ("status",)):
            if brings_body:
                await intake.drain()
            return await failure(fault)(scope, intake, send)
        if fault := self.hub.faults.take(target, ("drop", "reset")):
            if brings_body:
                await self._route(scope, intake, _nowhere)
            return await cut(transport, fault.kind)
        return await self._route(scope, intake, send)

    def _names(self, path: str, upload: Upload | None) -> tuple[str, ...]:
        stored = self.hub.stored(path)
        if upload is not None:
            return upload.names
        return (path,) if stored is None else (f"/{stored.repo}/{stored.path}",)

    async def _look_at(self, upload: Upload, number: int, receive: Receive) -> Receive:
        """Find out which file is coming in, and count that it was sent again."""
        start, receive = await peek(receive, _TELLING_BYTES)
        upload.puts[number] += 1
        if number == 1 and upload.repo in self.hub.repos:
            recognise(upload, self.hub.repos[upload.repo], start)
        return receive

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "path": scope["raw_path"].decode("ascii")}, receive, send)


async def _nowhere(message: Message) -> None:
    """Take an answer that is lost."""
