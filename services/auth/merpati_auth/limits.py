"""Bounds on what a request may send: the size of its body, and the time that takes."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 1024 * 1024
BODY_TIME = 30.0


class BodyLimit:
    """Has a larger body answered with 413, a slower one with 408."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY, body_time: float = BODY_TIME) -> None:
        self._app = app
        self._max_body = max_body
        self._body_time = body_time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = self._bounded(receive)
        await self._app(scope, receive, send)

    def _bounded(self, receive: Receive) -> Receive:
        deadline = asyncio.get_running_loop().time() + self._body_time
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
            if taken > self._max_body:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {self._max_body} octets"
                )
            whole = not message.get("more_body", False)
            return message

        return bounded
