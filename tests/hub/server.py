"""The test Hub, listening: two origins on two free ports of the loopback, in one thread."""

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tests.hub.app import cdn_app, hub_app
from tests.hub.bodies import Wire
from tests.hub.objects import Uploads
from tests.hub.state import TestHub

_STARTING_SECONDS = 20.0


class Server:
    """Applications that answer on sockets of their own until they are stopped."""

    def __init__(self, apps: dict[socket.socket, ASGIApp]) -> None:
        self._sockets = list(apps)
        self._servers = [uvicorn.Server(_config(app)) for app in apps.values()]
        self._thread = threading.Thread(target=self._run, name="test-hub", daemon=True)

    def start(self) -> None:
        """Return once every application answers."""
        self._thread.start()
        end = time.monotonic() + _STARTING_SECONDS
        while not all(server.started for server in self._servers):
            if time.monotonic() > end or not self._thread.is_alive():
                raise RuntimeError("the test Hub did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """End every connection, whatever is being sent, and return when the thread is gone."""
        for server in self._servers:
            server.should_exit = server.force_exit = True
        self._thread.join(_STARTING_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        pairs = zip(self._servers, self._sockets, strict=True)
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in pairs))
        for server in self._servers:
            for connection in list(server.server_state.connections):
                connection.transport.abort()
        await asyncio.sleep(0)  # a transport closes its socket in the next turn


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Wire,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level=60,  # above critical: broken answers are what is wanted here
        access_log=False,
        timeout_keep_alive=60,
    )


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def _origin(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def serve() -> Iterator[TestHub]:
    """Give a Hub that listens, and stop it afterwards."""
    listeners = _listener(), _listener()
    with tempfile.TemporaryDirectory(prefix="test-hub-") as folder:
        hub = TestHub(endpoint=_origin(listeners[0]), cdn=_origin(listeners[1]), uploads=Uploads(Path(folder)))
        server = Server({listeners[0]: hub_app(hub), listeners[1]: cdn_app(hub)})
        server.start()
        try:
            yield hub
        finally:
            server.stop()
