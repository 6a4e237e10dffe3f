"""Bounds on what a request may send: the size of its body, and the time that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request's body may be."""

    octets: int
    seconds: float


class BodyLimit:
    """ASGI middleware: has a larger body answered with 413, a slower one with 408."""

    def __init__(self, app: ASGIApp, bounds: Callable[[Scope], Bounds]) -> None:
        self._app = app
        self._bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = _bounded(receive, self._bounds(scope), _declared(scope))
        await self._app(scope, receive, send)


def _bounded(receive: Receive, bounds: Bounds, declared: int) -> Receive:
    deadline = asyncio.get_running_loop().time() + bounds.seconds
    taken = 0
    whole = False

    async def bounded() -> Message:
        nonlocal taken, whole
        if whole:  # from here on the framework only listens for the client's leaving
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly") from error
        taken += len(message.get("body", b""))
        if max(taken, declared) > bounds.octets:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {bounds.octets} octets"
            )
        whole = not message.get("more_body", False)
        return message

    return bounded


def _declared(scope: Scope) -> int:
    """What Content-Length says, or 0: a body that is too large is refused before it is sent."""
    value = dict(scope["headers"]).get(b"content-length", b"")
    return int(value) if value.isdigit() and len(value) < 20 else 0
