"""The process `python -m merpati_imap_pop`: assembles the service and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from merpati.directory import AuthClient, Directory
from merpati.platform import service, tls
from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings, words
from merpati.store import MailFiles, Store
from merpati_imap_pop.imap.protocol import ImapConnection
from merpati_imap_pop.login import Logins
from merpati_imap_pop.pop3.protocol import Pop3Connection
from merpati_imap_pop.server import Server
from merpati_imap_pop.services import Services


async def assemble(settings: Settings, stack: AsyncExitStack) -> Server:
    """Everything but listeners; what has to be closed is closed by `stack`."""
    database = Database(settings, "imap")
    await database.open()
    stack.push_async_callback(database.close)
    bell = Bell(settings)
    stack.push_async_callback(bell.close)
    auth = AuthClient(settings, bell)
    stack.push_async_callback(auth.close)
    logins = Logins(settings, auth, Directory(database, settings, bell), bell)
    store = Store(database, MailFiles.of(settings), bell, settings)
    services = Services(settings, tls.server_context(settings), logins, store, bell)
    return Server(services)


async def listen(server: Server, settings: Settings) -> None:
    """Open the listeners that the setting `protocols` names."""
    protocols = words(settings.protocols)
    if "imap" in protocols:
        await server.listen(ImapConnection, settings.imap_port)
        await server.listen(ImapConnection, settings.imaps_port, implicit_tls=True)
    if "pop3" in protocols:
        await server.listen(Pop3Connection, settings.pop3_port)
        await server.listen(Pop3Connection, settings.pop3s_port, implicit_tls=True)


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`; then let commands in hand finish and say goodbye."""
    async with AsyncExitStack() as stack:
        server = await assemble(settings, stack)
        services = server.services
        await listen(server, settings)
        service.ready()
        try:
            await service.until(
                stop,
                services.bell.run(),
                services.logins.watch(),
                server.sweep(),
                tls.watch_certificate(services.context, settings),
            )
        finally:
            await server.close()


if __name__ == "__main__":
    service.run("imap-pop", main)
