"""POP3 on a connection: joins the session to the socket."""

from __future__ import annotations

from typing import Any

from merpati_imap_pop.connection import Connection, Handling
from merpati_imap_pop.pop3.commands.context import Context, Services
from merpati_imap_pop.pop3.session import Session
from merpati_imap_pop.pop3.wire import Line, LineReader
from merpati_imap_pop.server import Factory, Server


class Pop3Connection(Connection):
    """One POP3 client."""

    service = "pop3"

    def __init__(self, server: Server, services: Services, *, implicit_tls: bool) -> None:
        super().__init__(server, implicit_tls=implicit_tls)
        self.context = Context(self, services)
        self.context.on_login = self._entered
        self.session = Session(self.context)
        self._lines = LineReader()

    def greet(self) -> None:
        self.session.greet()

    def take(self) -> Line | None:
        return self._lines.take(self.input)

    def handle(self, item: Any) -> Handling:
        return self.session.receive(item)

    def goodbye(self, reason: str) -> None:
        self.session.goodbye(reason)

    def patience(self) -> float:
        return self.server.settings.pop3_idle_timeout

    def gone(self) -> None:
        if self.context.verdict is not None:
            self.server.services.logins.leave(self, self.context.verdict)

    def _entered(self) -> None:
        if self.context.verdict is not None:
            self.logged_in = True
            self.server.services.logins.enter(self, self.context.verdict)


def factory(services: Services) -> Factory:
    """What the server makes connections with."""

    def make(server: Server, implicit_tls: bool) -> Connection:
        return Pop3Connection(server, services, implicit_tls=implicit_tls)

    return make
