"""How much a browser may send us: counted as it comes, refused before it fills memory or disk."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORM = 2 * 1024 * 1024


class BodyLimit:
    """ASGI middleware: 413 for a body above `limit`; the composer, which takes files, has its own."""

    def __init__(self, app: ASGIApp, *, compose: int) -> None:
        self._app = app
        self._compose = compose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._compose if scope["path"] == "/compose" else FORM
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise HTTPException(413)
            return message

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            received = limit + 1  # refuse at the first read, where the error page can be made
        await self._app(scope, counted, send)
