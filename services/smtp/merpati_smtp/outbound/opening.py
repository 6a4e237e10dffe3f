"""An SMTP session as the client sees it, without I/O, up to the first envelope: greeting, EHLO, TLS, login."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable

from merpati_smtp.outbound.events import Event, Ready, Refused, Security, Stage, StartTls
from merpati_smtp.outbound.features import Features
from merpati_smtp.outbound.replies import ProtocolError, Reply, ReplyParser

Handler = Callable[[Reply], None]


class Opening:
    """The commands that make a session ready, and the plumbing of all commands.

    Commands are queued together with a handler for their reply; replies come in that order (RFC 2920 3.1).
    """

    def __init__(self, hostname: str, security: Security, login: tuple[str, str] | None = None) -> None:
        self.features = Features()
        self.stage = Stage.GREETING
        self._hostname = hostname
        self._security = security
        self._login = login
        self._parser = ReplyParser()
        self._out = bytearray()
        self._events: list[Event] = []
        self._expected: deque[Handler] = deque([self._on_greeting])
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    def take(self) -> bytes:
        """What is to be sent now."""
        data, self._out = bytes(self._out), bytearray()
        return data

    def receive(self, data: bytes) -> list[Event]:
        """What the server's octets mean. Raises `ProtocolError`; what they meant until then is in `lost`."""
        for reply in self._parser.feed(data):
            if self._closed:
                break
            if reply.code == 421:  # at any time, and the end (RFC 5321 3.8)
                self._shut_down(reply)
            elif not self._expected:
                raise ProtocolError(f"reply to nothing: {reply.text[:80]}")
            else:
                self._expected.popleft()(reply)
        events, self._events = self._events, []
        return events

    def lost(self) -> list[Event]:
        """The connection is gone, or is to be: whatever is open is done."""
        if not self._closed:
            self._shut_down(None)
        events, self._events = self._events, []
        return events

    def tls_started(self) -> None:
        """The handshake went well: what was learned in the clear is forgotten (RFC 3207 4.2)."""
        self._security = Security.DONE
        self.features = Features()
        self._hello()

    def quit(self) -> None:
        """Say goodbye."""
        if not self._closed:
            self.stage = Stage.QUIT
            self._command("QUIT", lambda _reply: self._close())

    # Replies

    def _on_greeting(self, reply: Reply) -> None:
        if reply.code != 220:
            self._refuse(Stage.GREETING, reply)
        else:
            self._hello()

    def _hello(self) -> None:
        self.stage = Stage.HELLO
        self._command(f"EHLO {self._hostname}", self._on_ehlo)

    def _on_ehlo(self, reply: Reply) -> None:
        if reply.code == 250:
            self.features = Features.of(reply)
            self._secure()
        elif reply.permanent and self._security is not Security.MUST and self._login is None:
            self._command(f"HELO {self._hostname}", self._on_helo)  # RFC 5321 3.2
        else:
            self._refuse(Stage.HELLO, reply)

    def _on_helo(self, reply: Reply) -> None:
        if reply.code != 250:
            self._refuse(Stage.HELLO, reply)
        else:
            self.features = Features((reply.lines[0].split() or [""])[0])
            self._ready()

    def _secure(self) -> None:
        if "STARTTLS" in self.features and self._security in (Security.MAY, Security.MUST):
            self.stage = Stage.TLS
            self._command("STARTTLS", self._on_starttls)
        elif self._security is Security.MUST:
            self._refuse(Stage.TLS, Reply(454, ("4.7.0 the server offers no TLS",)))
        else:
            self._authenticate()

    def _on_starttls(self, reply: Reply) -> None:
        if reply.code == 220:
            if self._parser.pending:
                raise ProtocolError("octets behind the reply to STARTTLS")  # an injection (CVE-2011-0411)
            self._events.append(StartTls())
        elif self._security is Security.MUST:
            self._refuse(Stage.TLS, reply)
        else:
            self._authenticate()

    def _authenticate(self) -> None:
        if self._login is None:
            return self._ready()
        self.stage = Stage.LOGIN
        name, password = self._login
        if "PLAIN" in self.features.mechanisms:
            self._command("AUTH PLAIN " + _base64(f"\0{name}\0{password}"), self._on_login)
        elif "LOGIN" in self.features.mechanisms:  # the only one of some large providers
            answers = deque([_base64(name), _base64(password)])
            self._command("AUTH LOGIN", lambda reply: self._on_challenge(reply, answers))
        else:
            self._refuse(Stage.LOGIN, Reply(454, ("4.7.0 the server offers no AUTH that we know",)))
        return None

    def _on_challenge(self, reply: Reply, answers: deque[str]) -> None:
        if reply.code == 334 and answers:
            self._command(answers.popleft(), lambda later: self._on_challenge(later, answers))
        else:
            self._on_login(reply)

    def _on_login(self, reply: Reply) -> None:
        if reply.code == 235:
            self._ready()
        else:
            self._refuse(Stage.LOGIN, reply)

    def _ready(self) -> None:
        self.stage = Stage.READY
        self._events.append(Ready(self.features))

    def _refuse(self, stage: Stage, reply: Reply) -> None:
        self._events.append(Refused(stage, reply))
        self._command("QUIT", lambda _reply: None)
        self._close()

    # Plumbing

    def _command(self, line: str, handler: Handler) -> None:
        self._out += line.encode() + b"\r\n"
        self._expected.append(handler)

    def _shut_down(self, reply: Reply | None) -> None:
        """The server closes the session (421), or it is gone."""
        if reply is not None and self.stage in _OPENING:
            self._events.append(Refused(self.stage, reply))
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._expected.clear()


_OPENING = (Stage.GREETING, Stage.HELLO, Stage.TLS, Stage.LOGIN)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
