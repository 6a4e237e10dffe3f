"""The process: opens what the pages need and serves them until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from merpati.directory import AuthClient, Directory
from merpati.platform import service
from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.platform.tls import server_context, watch_certificate
from merpati.store import MailFiles, Store
from merpati_webmail import app
from merpati_webmail.assets import Assets
from merpati_webmail.auth_http import AuthHttp
from merpati_webmail.csrf import LoginTokens
from merpati_webmail.letterbox import Locks
from merpati_webmail.rendering import Templates
from merpati_webmail.server import serve
from merpati_webmail.session import Sessions
from merpati_webmail.visit import Web


async def main(settings: Settings, stop: asyncio.Event) -> None:
    db = Database(settings, "webmail")
    await db.open()
    bell = Bell(settings)
    web = _web(settings, db, bell, stop)
    background: list[Coroutine[Any, Any, None]] = [bell.run()]
    context = server_context(settings) if settings.web_tls else None
    if context is not None:
        background.append(watch_certificate(context, settings))
    tasks = [asyncio.ensure_future(item) for item in background]
    try:
        await serve(app.create(web), settings, context, stop)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await web.auth.close()
        await web.auth_http.close()
        await bell.close()
        await db.close()


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
        login_tokens=LoginTokens(tls=settings.web_tls),
        assets=assets,
        templates=Templates(assets),
        sending=Locks(),
        stop=stop,
    )


if __name__ == "__main__":
    service.run("webmail", main)
