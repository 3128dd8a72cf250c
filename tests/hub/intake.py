"""A request's body as it comes in: counted, and struck by what is planned for one of its bytes."""

import asyncio
from collections.abc import Callable

from starlette.types import Message, Receive

from tests.hub.bodies import cut, pause
from tests.hub.faults import Fault, Faults, Kind, Target

_WITHIN: tuple[Kind, ...] = ("drop", "reset", "stall", "corrupt")


class Intake:
    """What an application receives its request by.

    Args:
        receive: what the server receives by.
        transport: the connection, to be ended.
        target: what the request is about.
        faults: the plan.
        begun: where this body begins in the file, which may come in parts.
        count: told how many bytes came in, as they come.
    """

    def __init__(
        self,
        receive: Receive,
        transport: asyncio.Transport,
        target: Target,
        faults: Faults,
        *,
        begun: int,
        count: Callable[[int], None],
    ) -> None:
        self._receive, self._transport = receive, transport
        self._target, self._faults = target, faults
        self._begun = self._position = begun
        self._count = count
        self._struck: set[int] = set()

    async def __call__(self) -> Message:
        """Return the next piece, or that the peer is gone."""
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        body = bytearray(message.get("body", b""))
        start, end = self._position, self._position + len(body)
        while found := self._next_fault(range(self._position, end)):
            place, fault = found
            self._advance(place)
            if fault.kind == "corrupt":
                body[place - start] ^= 1
            elif fault.kind == "stall":
                await pause(self._transport, fault.seconds)
            else:
                await cut(self._transport, fault.kind)
                return {"type": "http.disconnect"}
        self._advance(end)
        return {**message, "body": bytes(body)}

    async def drain(self) -> None:
        """Read the rest: a peer that is still sending would not hear what is answered."""
        while True:
            message = await self()
            if message["type"] != "http.request" or not message.get("more_body"):
                return

    def _advance(self, position: int) -> None:
        self._count(position - self._position)
        self._position = position

    def _next_fault(self, span: range) -> tuple[int, Fault] | None:
        found = self._faults.take_within(self._target, _WITHIN, self._begun, span, self._struck)
        if found is not None:
            self._struck.add(id(found[1]))
        return found


async def peek(receive: Receive, size: int) -> tuple[bytes, Receive]:
    """Return the first bytes of a body, and what receives the body still whole."""
    taken: list[Message] = []
    start = b""
    while len(start) < size and (not taken or taken[-1].get("more_body")):
        taken.append(await receive())
        start += taken[-1].get("body", b"")

    async def again() -> Message:
        return taken.pop(0) if taken else await receive()

    return start, again
