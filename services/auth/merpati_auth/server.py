"""The process: the public API on its port, the internal one on its socket, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence

import uvicorn
from fastapi import FastAPI

from merpati.platform import service
from merpati.platform.settings import Settings
from merpati.platform.tls import server_context, watch_certificate
from merpati_auth import app
from merpati_auth.bootstrap import bootstrap
from merpati_auth.context import Context
from merpati_auth.protocol import MAX_HEAD, BoundedProtocol
from merpati_auth.sockets import internal_socket, public_sockets

_GRACE = 10  # seconds for the requests in hand when told to stop
_CONCURRENCY = 1_000  # requests and connections at once; above that the answer is 503


class _Server(uvicorn.Server):
    """uvicorn without its signals, which are the process's own; tells when it listens."""

    def __init__(self, app: FastAPI, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                h11_max_incomplete_event_size=MAX_HEAD,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # whoever may name the client proves it: `dependencies.client_address`
                lifespan="off",
                ws="none",
                limit_concurrency=_CONCURRENCY,
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


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`, then finish the requests in hand."""
    context = Context.make(settings)
    tls = server_context(settings) if settings.web_tls else None
    public, private = _Server(app.public(context), tls), _Server(app.private(context))
    serving = [
        asyncio.create_task(public.serve(public_sockets(settings))),
        asyncio.create_task(private.serve([internal_socket(settings.auth_endpoint)])),
    ]
    background = [context.bell.run(), _get_ready(context, (public, private)), *map(_until_done, serving)]
    if tls is not None:
        background.append(watch_certificate(tls, settings))
    try:
        await context.db.open()
        await service.until(stop, *background)
    finally:
        public.should_exit = private.should_exit = True
        await asyncio.gather(*serving)
        await context.close()


async def _get_ready(context: Context, servers: Sequence[_Server]) -> None:
    """Say READY once somebody can log in."""
    for server in servers:
        await server.listening.wait()
    await bootstrap(context)
    service.ready()
    await asyncio.Event().wait()


async def _until_done(serving: asyncio.Task[None]) -> None:
    """A server that ends by itself ends the process; being cancelled here leaves it to finish its requests."""
    await asyncio.shield(serving)
