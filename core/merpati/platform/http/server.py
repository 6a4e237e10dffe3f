"""uvicorn as our services run it: bounded, silent, with the process's own signals and TLS context."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.types import ASGIApp

from merpati.platform.http.protocol import MAX_HEAD, BoundedProtocol

_GRACE = 10  # seconds for the requests in hand when told to stop


class HttpServer(uvicorn.Server):
    """uvicorn without its signals, which are the process's own; tells when it listens.

    `concurrency`: requests and connections at once; above that the answer is 503. `proxies`: who is believed
    when it names the client (X-Forwarded-For).
    """

    def __init__(
        self,
        app: ASGIApp,
        tls: ssl.SSLContext | None = None,
        *,
        concurrency: int = 1_000,
        proxies: Sequence[str] = (),
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                h11_max_incomplete_event_size=MAX_HEAD,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=list(proxies),
                lifespan="off",
                ws="none",
                limit_concurrency=concurrency,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()
