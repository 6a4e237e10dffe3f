"""One port: its sockets, its connections, what it offers, and the end of all of them."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from merpati.platform.addresses import FAMILIES, listening
from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger
from merpati.platform.trace import new_trace_id
from merpati.store import SpoolWriter
from merpati_smtp.server.clients import Clients
from merpati_smtp.server.commands import HANDSHAKE_TIMEOUT
from merpati_smtp.server.connection import Connection
from merpati_smtp.server.session import Session

log = get_logger(__name__)

_SWEEP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What distinguishes one port from another."""

    name: str
    port: int
    implicit_tls: bool = False
    requires_tls: bool = False
    mechanisms: tuple[str, ...] = ()
    """SASL mechanisms; without any, nobody can log in here."""


class Listener:
    """One port of the SMTP service, with `handler`'s hooks as its policy."""

    def __init__(
        self, kind: Kind, handler: Any, settings: Settings, context: ssl.SSLContext, clients: Clients
    ) -> None:
        self.kind = kind
        self.timeout = settings.smtp_timeout
        self.data_timeout = settings.smtp_data_timeout
        self.size_limit = settings.message_size_limit
        self.error_limit = settings.smtp_error_limit
        self.refuse_bare_lf = settings.smtp_stray_line_ends == "refuse"
        self.stopping = False
        self._settings = settings
        self._context = context
        self._clients = clients
        self._spool: Path = settings.mail_root / "spool" / "tmp"
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._base = ("PIPELINING", f"SIZE {self.size_limit}", "8BITMIME", "ENHANCEDSTATUSCODES")
        self._welcomes: dict[tuple[str, ...], bytes] = {}
        self.template = self._template(handler)

    def _template(self, handler: Any) -> dict[str, Any]:
        """What aiosmtpd's constructor makes of our settings; every connection begins with a copy."""
        smtp = SMTP(
            handler,
            data_size_limit=self.size_limit,
            hostname=self._settings.myhostname,
            tls_context=None if self.kind.implicit_tls else self._context,
            require_starttls=self.kind.requires_tls and not self.kind.implicit_tls,
            auth_required=bool(self.kind.mechanisms),
            auth_exclude_mechanism={"PLAIN", "LOGIN"} - set(self.kind.mechanisms),
            loop=asyncio.get_running_loop(),
        )
        return dict(smtp.__dict__)

    # For connections

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; False if it is one too many."""
        self._connections.add(connection)
        return self._clients.enter(connection.session.client) and not self.stopping

    def forget(self, connection: Connection) -> None:
        """A connection is gone; saying so twice is harmless."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._clients.leave(connection.session.client)

    def extensions(self, session: Session) -> tuple[str, ...]:
        """What EHLO offers at this point of the session."""
        if session.tls is None:
            return self._base if self.kind.implicit_tls else (*self._base, "STARTTLS")
        if self.kind.mechanisms and session.verdict is None:
            return (*self._base, "AUTH " + " ".join(self.kind.mechanisms))
        return self._base

    def welcome(self, session: Session) -> bytes:
        """The reply to EHLO; there are few different ones."""
        extensions = self.extensions(session)
        reply = self._welcomes.get(extensions)
        if reply is None:
            *lines, last = self._settings.myhostname, *extensions
            reply = "".join([*(f"250-{line}\r\n" for line in lines), f"250 {last}\r\n"]).encode()
            self._welcomes[extensions] = reply
        return reply

    def open_spool(self, room: int) -> SpoolWriter:
        return SpoolWriter(self._spool / new_trace_id(), room)

    # For the service

    async def open(self) -> None:
        self._spool.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        implicit = self.kind.implicit_tls
        self._server = await loop.create_server(
            lambda: Connection.of(self),
            listening(self._settings),
            self.kind.port,
            family=FAMILIES[self._settings.inet_protocols],
            ssl=self._context if implicit else None,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT if implicit else None,
            backlog=1_024,
        )
        log.info("listening", port=self.port, kind=self.kind.name)

    @property
    def is_open(self) -> bool:
        return self._server is not None

    @property
    def port(self) -> int:
        """The port we really have, where the setting says 0."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def sweep(self) -> None:
        """Close silent connections; runs for ever. One timer for all is cheaper than one for each command."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            now = loop.time()
            for connection in [item for item in self._connections if item.deadline < now and item.idle]:
                connection.expire()

    async def stop(self, grace: float) -> None:
        """Take no more connections, let each finish the message in hand, and close what is left after `grace`."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.stop()
        tasks = [item.task for item in self._connections if item.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for connection in tuple(self._connections):
            connection.stream.link.abort()
