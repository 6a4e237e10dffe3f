"""IMAP on a connection: joins a `Session` to a `Connection`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merpati_imap_pop.connection import Connection, Handling
from merpati_imap_pop.imap.session import Session
from merpati_imap_pop.imap.wire.framer import Event

if TYPE_CHECKING:
    from merpati_imap_pop.server import Server


class ImapConnection(Connection):
    """One IMAP client."""

    service = "imap"

    def __init__(self, server: Server, implicit_tls: bool) -> None:
        super().__init__(server, implicit_tls=implicit_tls)
        self.session = Session(self, server.services, self.input)
        self.session.context.on_ring = self._rung
        self.session.context.on_login = self._entered

    def greet(self) -> None:
        self.session.greet()

    def take(self) -> Event | bytes | None:
        if self.session.ended:
            self.close()
            return None
        return self.session.take()

    def handle(self, item: Event | bytes) -> Handling:
        return self.session.handle(item)

    def _entered(self) -> None:
        self.logged_in = True
        self.session.widen()

    def _rung(self) -> None:
        self.wake(self.session.tell_idler)

    def goodbye(self, reason: str) -> None:
        self.session.goodbye(reason)

    def patience(self) -> float:
        return self.server.settings.imap_idle_timeout

    def gone(self) -> None:
        self.server.spawn(self.session.release())
