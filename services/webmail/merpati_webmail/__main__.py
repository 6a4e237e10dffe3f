"""The process: opens what the pages need and serves them until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from merpati.directory import AuthClient, Directory
from merpati.platform import service
from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.http import HttpServer, listeners
from merpati.platform.settings import Settings, words
from merpati.platform.tls import server_context, watch_certificate
from merpati.store import MailFiles, Store
from merpati_webmail import app
from merpati_webmail.assets import Assets
from merpati_webmail.auth_http import AuthHttp
from merpati_webmail.csrf import LoginTokens
from merpati_webmail.letterbox import Locks
from merpati_webmail.rendering import Templates
from merpati_webmail.session import Sessions
from merpati_webmail.visit import Web

_CONCURRENCY = 5_000  # a page that is open holds a connection: the live stream


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`; requests in hand are finished."""
    db = Database(settings, "webmail")
    await db.open()
    bell = Bell(settings)
    web = _web(settings, db, bell, stop)
    tls = server_context(settings) if settings.web_tls else None
    proxies = words(settings.trusted_proxies)
    server = HttpServer(app.create(web), tls, concurrency=_CONCURRENCY, proxies=proxies)
    serving = asyncio.create_task(server.serve(listeners(settings, settings.web_port)))
    background: list[Awaitable[None]] = [bell.run(), _get_ready(server), asyncio.shield(serving)]
    if tls is not None:
        background.append(watch_certificate(tls, settings))
    try:
        await service.until(stop, *background)
    finally:
        server.should_exit = True
        await serving
        await web.auth.close()
        await web.auth_http.close()
        await bell.close()
        await db.close()


async def _get_ready(server: HttpServer) -> None:
    await server.listening.wait()
    service.ready()
    await asyncio.Event().wait()


def _web(settings: Settings, db: Database, bell: Bell, stop: asyncio.Event) -> Web:
    directory = Directory(db, settings, bell, scoped=True)
    assets = Assets()
    return Web(
        settings=settings,
        db=db,
        bell=bell,
        store=Store(db, MailFiles.of(settings), bell, settings, scoped=True),
        directory=directory,
        auth=AuthClient(settings, bell),
        auth_http=AuthHttp(settings),
        sessions=Sessions(db, directory, settings),
        login_tokens=LoginTokens(),
        assets=assets,
        templates=Templates(assets),
        sending=Locks(),
        stop=stop,
    )


if __name__ == "__main__":
    service.run("webmail", main)
