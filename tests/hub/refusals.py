"""Answers that are not what was asked for: errors with the Hub's headers, and redirects of renamed repos."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Refusal(Exception):  # noqa: N818
    """An error answer, with the headers by which the client tells what it is."""

    def __init__(self, status: int, code: str | None, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        line = " ".join(message.split()).encode("latin-1", "replace").decode("latin-1")  # a header is one line
        self.headers = {**headers, "X-Error-Message": line, **({"X-Error-Code": code} if code else {})}


class Moved(Exception):  # noqa: N818
    """The repo has another name now."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"{old} is {new} now")
        self.old, self.new = old, new


def denied() -> Response:
    """Return what a store says to whoever has no signed URL that is still good."""
    text = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>'
    return Response(text, 403, media_type="application/xml")


async def _refuse(request: Request, error: Refusal) -> Response:
    return JSONResponse({"error": str(error)}, error.status, error.headers)


async def _redirect(request: Request, error: Moved) -> Response:
    place = request.scope["path"].replace(error.old, error.new, 1)
    query = f"?{request.url.query}" if request.url.query else ""
    return Response(status_code=307, headers={"Location": place + query})


HANDLERS: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {Refusal: _refuse, Moved: _redirect}
