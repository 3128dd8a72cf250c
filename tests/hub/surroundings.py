"""What comes around each answer: the record of requests, and the faults that befall an answer whole."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.hub.bodies import cut, failure, pause
from tests.hub.faults import Origin, Target
from tests.hub.state import Seen, TestHub


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
        stored = self.hub.stored(path)
        names = (path,) if stored is None else (f"/{stored.repo}/{stored.path}",)
        target = Target(names, request.method, self.origin)
        transport = request.state.transport
        while stall := self.hub.faults.take(target, ("stall",)):
            await pause(transport, stall.seconds)
        if fault := self.hub.faults.take(target, ("status",)):
            return await failure(fault)(scope, receive, send)
        if fault := self.hub.faults.take(target, ("drop", "reset")):
            if request.method not in ("GET", "HEAD"):
                await self._route(scope, receive, _nowhere)
            return await cut(transport, fault.kind)
        return await self._route(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "path": scope["raw_path"].decode("ascii")}, receive, send)


async def _nowhere(message: Message) -> None:
    """Take an answer that is lost."""
