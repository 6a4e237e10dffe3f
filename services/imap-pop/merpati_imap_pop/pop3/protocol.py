"""POP3 on a connection: joins a `Session` to a `Connection`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merpati_imap_pop.connection import Connection, Handling
from merpati_imap_pop.pop3.commands.context import Context
from merpati_imap_pop.pop3.session import Session
from merpati_imap_pop.pop3.wire import Line, LineReader

if TYPE_CHECKING:
    from merpati_imap_pop.server import Server


class Pop3Connection(Connection):
    """One POP3 client."""

    service = "pop3"

    def __init__(self, server: Server, implicit_tls: bool) -> None:
        super().__init__(server, implicit_tls=implicit_tls)
        self._context = Context(self, server.services)
        self._context.on_login = self._entered
        self._session = Session(self._context)
        self._lines = LineReader()

    def greet(self) -> None:
        self._session.greet()

    def take(self) -> Line | None:
        return self._lines.take(self.input)

    def handle(self, item: Line) -> Handling:
        return self._session.receive(item)

    def goodbye(self, reason: str) -> None:
        self._session.goodbye(reason)

    def patience(self) -> float:
        return self.server.settings.pop3_idle_timeout

    def gone(self) -> None:
        if self._context.verdict is not None:
            self.server.services.logins.leave(self, self._context.verdict)

    def _entered(self) -> None:
        self.logged_in = True
        if self._context.verdict is not None:
            self.server.services.logins.enter(self, self._context.verdict)
