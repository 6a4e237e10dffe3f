"""The servers that transcripts name, started in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from merpati.directory import Directory
from merpati.platform import tls
from merpati_imap_pop.connection import Connection
from merpati_imap_pop.imap.protocol import ImapConnection
from merpati_imap_pop.login import Logins
from merpati_imap_pop.pop3.protocol import Pop3Connection
from merpati_imap_pop.server import Server
from merpati_imap_pop.services import Services
from merpati_smtp.service import Service as SmtpService
from tests.protocol.world import World

Start = Callable[[World], AbstractAsyncContextManager[int]]
"""Starts a server over a world; gives its port."""


@asynccontextmanager
async def mail_server(
    world: World, factory: Callable[[Server, bool], Connection], *, implicit_tls: bool = False
) -> AsyncIterator[tuple[Server, int]]:
    """A server of merpati_imap_pop with one listener."""
    settings = world.settings
    directory = Directory(world.owner, settings, world.bell)
    logins = Logins(settings, world.passwords, directory, world.bell)  # type: ignore[arg-type]
    server = Server(Services(settings, tls.server_context(settings), logins, world.store, world.bell))
    background: list[Awaitable[None]] = [logins.watch(), server.sweep()]
    tasks = [asyncio.ensure_future(work) for work in background]
    try:
        yield server, await server.listen(factory, 0, implicit_tls=implicit_tls)
    finally:
        await server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def imap(world: World) -> AsyncIterator[int]:
    async with mail_server(world, ImapConnection) as (_, port):
        yield port


@asynccontextmanager
async def imap_private(world: World) -> AsyncIterator[int]:
    """As it is by default: no password without TLS."""
    world.settings = world.settings.model_copy(update={"disable_plaintext_auth": True})
    async with imap(world) as port:
        yield port


@asynccontextmanager
async def pop3(world: World) -> AsyncIterator[int]:
    async with mail_server(world, Pop3Connection) as (_, port):
        yield port


@asynccontextmanager
async def pop3_private(world: World) -> AsyncIterator[int]:
    """As it is by default: no password without TLS."""
    world.settings = world.settings.model_copy(update={"disable_plaintext_auth": True})
    async with pop3(world) as port:
        yield port


@asynccontextmanager
async def smtp(world: World, listener: int = 0) -> AsyncIterator[int]:
    """The SMTP service; `listener` is its port for servers, for users, or for users over TLS."""
    ports = {"smtp_port": 0, "submission_port": 0, "submissions_port": 0}
    service = SmtpService(world.settings.model_copy(update=ports))
    service.auth.verify = world.passwords.verify  # type: ignore[method-assign]
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    try:
        async with asyncio.timeout(20):
            while not all(item.is_open for item in service.listeners):
                await asyncio.sleep(0.01)
        yield service.listeners[listener].port
    finally:
        stop.set()
        await running


@asynccontextmanager
async def submission(world: World) -> AsyncIterator[int]:
    async with smtp(world, 1) as port:
        yield port


@asynccontextmanager
async def submission_tls(world: World) -> AsyncIterator[int]:
    async with smtp(world, 2) as port:
        yield port


SERVICES: dict[str, Start] = {
    "imap": imap,
    "imap-private": imap_private,
    "pop3": pop3,
    "pop3-private": pop3_private,
    "smtp": smtp,
    "submission": submission,
    "submission-tls": submission_tls,
}
