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
async def pop3(world: World) -> AsyncIterator[int]:
    async with mail_server(world, Pop3Connection) as (_, port):
        yield port


@asynccontextmanager
async def pop3_private(world: World) -> AsyncIterator[int]:
    """As it is by default: no password without TLS."""
    world.settings = world.settings.model_copy(update={"disable_plaintext_auth": True})
    async with pop3(world) as port:
        yield port


SERVICES: dict[str, Start] = {"imap": imap, "pop3": pop3, "pop3-private": pop3_private}
