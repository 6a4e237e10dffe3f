"""The process: the public API on its port, the internal one on its socket, until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from merpati.platform import service
from merpati.platform.http import HttpServer, listeners
from merpati.platform.settings import Settings
from merpati.platform.tls import server_context, watch_certificate
from merpati_auth import app
from merpati_auth.bootstrap import bootstrap
from merpati_auth.context import Context
from merpati_auth.sockets import internal_socket


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`, then finish the requests in hand."""
    context = Context.make(settings)
    tls = server_context(settings) if settings.web_tls else None
    public, private = HttpServer(app.public(context), tls), HttpServer(app.private(context))
    serving = [
        asyncio.create_task(public.serve(listeners(settings, settings.api_port))),
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


async def _get_ready(context: Context, servers: Sequence[HttpServer]) -> None:
    """Say READY once somebody can log in."""
    for server in servers:
        await server.listening.wait()
    await bootstrap(context)
    service.ready()
    await asyncio.Event().wait()


async def _until_done(serving: asyncio.Task[None]) -> None:
    """A server that ends by itself ends the process; being cancelled here leaves it to finish its requests."""
    await asyncio.shield(serving)
