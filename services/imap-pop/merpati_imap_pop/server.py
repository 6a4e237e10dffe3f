"""The listeners of IMAP and POP3, and the limits that hold for all connections together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from merpati.platform.addresses import FAMILIES, listening
from merpati.platform.telemetry import get_logger
from merpati_imap_pop.connection import Connection
from merpati_imap_pop.services import Services

log = get_logger(__name__)

SWEEP = 1.0
"""Seconds between looks for connections that were silent too long."""
STOP_GRACE = 10.0
"""Seconds that commands in hand have when the service stops."""

Factory = Callable[["Server", bool], Connection]
"""Makes a connection of one protocol; the flag tells whether its port begins with TLS."""


class Server:
    """Listeners and connections of one process."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.settings = services.settings
        self.connections: set[Connection] = set()
        self.stopping = False
        self._by_address: Counter[str] = Counter()
        self._listeners: list[asyncio.Server] = []
        self._empty = asyncio.Event()
        self._work: set[asyncio.Task[None]] = set()

    # Listeners

    async def listen(self, factory: Factory, port: int, *, implicit_tls: bool = False) -> int:
        """Listen on `port` of every address in the setting `host` (0: a free port); returns the port."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: factory(self, implicit_tls),
            listening(self.settings),
            port,
            family=FAMILIES[self.settings.inet_protocols],
            backlog=1024,
            ssl=self.services.context if implicit_tls else None,
            ssl_handshake_timeout=self.settings.login_timeout if implicit_tls else None,
        )
        self._listeners.append(listener)
        bound: int = listener.sockets[0].getsockname()[1]
        log.info("listening", port=bound, tls=implicit_tls)
        return bound

    async def close(self) -> None:
        """Take no more clients, let commands in hand finish, say goodbye to everyone."""
        self.stopping = True
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self.connections):
            connection.stop("Server shutting down")
        try:
            async with asyncio.timeout(STOP_GRACE):
                while self.connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            for connection in tuple(self.connections):
                connection.abort()
        await asyncio.gather(*self._work, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what outlives its connection."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # Limits

    def admit(self, connection: Connection) -> str:
        """Count a new connection; returns why it is refused, or nothing."""
        refusal = self._refusal(connection)
        self.connections.add(connection)
        self._by_address[connection.peer] += 1
        return refusal

    def _refusal(self, connection: Connection) -> str:
        if self.stopping:
            return "Server shutting down"
        if len(self.connections) >= self.settings.mail_connection_limit:
            log.warning("connection limit reached", limit=self.settings.mail_connection_limit)
            return "Too many connections"
        if self._by_address[connection.peer] >= self.settings.mail_client_connection_limit:
            log.warning("connection limit of an address reached", client=connection.peer)
            return "Too many connections from your address"
        return ""

    def leave(self, connection: Connection) -> None:
        """A connection is closed."""
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        self._by_address[connection.peer] -= 1
        if not self._by_address[connection.peer]:
            del self._by_address[connection.peer]
        if not self.connections:
            self._empty.set()

    async def sweep(self) -> None:
        """End connections that were silent too long: one timer for all of them. Runs for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            now = loop.time()
            for connection in [one for one in self.connections if one.expired(now)]:
                if connection.closing:
                    connection.abort()
                else:
                    connection.end("Disconnected for inactivity")
