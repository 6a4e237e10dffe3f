"""SMTP as a client, without I/O: replies in, commands and events out (RFC 5321, 2920, 3207, 4954)."""

from __future__ import annotations

import base64
import enum
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from merpati_smtp.outbound.features import Features
from merpati_smtp.outbound.replies import ProtocolError, Reply, ReplyParser


class Security(enum.Enum):
    """How a connection treats TLS."""

    NEVER = "never"
    MAY = "may"
    """STARTTLS if it is offered."""
    MUST = "must"
    """STARTTLS or nothing."""
    DONE = "done"
    """TLS from the first octet, or after STARTTLS."""


class Stage(enum.Enum):
    """What the client waits for; each has its own timeout (RFC 5321 4.5.3.2)."""

    GREETING = "greeting"
    HELLO = "hello"
    TLS = "tls"
    LOGIN = "login"
    READY = "ready"
    ENVELOPE = "envelope"
    CONTENT = "content"
    """The final dot was sent."""
    QUIT = "quit"


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """What MAIL and RCPT say; two with the same words are two all the same.

    `size` and `eightbit` are those of the content as it will be sent.
    """

    sender: str
    recipients: tuple[str, ...]
    size: int
    eightbit: bool
    smtputf8: bool


# Events


@dataclass(frozen=True, slots=True)
class StartTls:
    """Wrap the connection in TLS now, then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The first envelope may begin."""

    features: Features


@dataclass(frozen=True, slots=True)
class Refused:
    """The server does not want this session; it is over. `stage` says at what."""

    stage: Stage
    reply: Reply


@dataclass(frozen=True, slots=True)
class SendContent:
    """Send the content of the envelope and its final dot, then call `content_sent`."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Done:
    """An envelope is finished: a reply for each recipient, None where the connection was lost before it."""

    envelope: Envelope
    replies: tuple[Reply | None, ...]
    answered: bool
    """Whether the server said anything about it."""


Event = StartTls | Ready | Refused | SendContent | Done
_Handler = Callable[[Reply], None]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(slots=True)
class _Transaction:
    envelope: Envelope
    refusals: dict[int, Reply] = field(default_factory=dict)
    """By recipient's index."""
    refused: Reply | None = None
    """MAIL, DATA or the content was refused: true for all recipients that were not refused themselves."""
    accepted: int = 0
    answered: bool = False

    def replies(self, final: Reply | None) -> tuple[Reply | None, ...]:
        everyone = self.refused or final
        return tuple(self.refusals.get(n, everyone) for n in range(len(self.envelope.recipients)))


class Client:
    """One session. Feed it with `receive`; send what `take` gives; do what the events say."""

    def __init__(self, hostname: str, security: Security, login: tuple[str, str] | None = None) -> None:
        self.features = Features()
        self.stage = Stage.GREETING
        self._hostname = hostname
        self._security = security
        self._login = login
        self._parser = ReplyParser()
        self._out = bytearray()
        self._events: list[Event] = []
        self._expected: deque[_Handler] = deque([self._on_greeting])
        self._steps: deque[tuple[str, _Handler]] = deque()  # of an envelope without PIPELINING
        self._open: deque[_Transaction] = deque()
        self._stale = False  # a transaction the server may hold open, to be ended by RSET
        self._next_allowed = False
        self._closed = False

    # The connection's side

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
        """The connection is gone, or is to be: every open envelope is done."""
        if not self._closed:
            self._shut_down(None)
        events, self._events = self._events, []
        return events

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def can_begin(self) -> bool:
        """Whether `begin` may be called: nothing is open, or a pipelining server is reading the last content."""
        return self._next_allowed and not self._closed

    @property
    def busy(self) -> bool:
        """Whether an envelope is open."""
        return bool(self._open)

    def tls_started(self) -> None:
        """The handshake went well: what was learned in the clear is forgotten (RFC 3207 4.2)."""
        self._security = Security.DONE
        self.features = Features()
        self._hello()

    def begin(self, envelope: Envelope) -> None:
        """Open an envelope, whose addresses are all `is_sendable`."""
        assert self.can_begin
        self._next_allowed = False
        transaction = _Transaction(envelope)
        self._open.append(transaction)
        if self._stale:
            self._stale = False
            self._command("RSET", lambda _reply: None)
        steps = [(self._mail_command(envelope), lambda reply: self._on_mail(transaction, reply))]
        for index, recipient in enumerate(envelope.recipients):
            steps.append((f"RCPT TO:<{recipient}>", self._rcpt_handler(transaction, index)))
        steps.append(("DATA", lambda reply: self._on_data(transaction, reply)))
        if len(self._open) == 1:
            self.stage = Stage.ENVELOPE
        if "PIPELINING" in self.features:
            for command, handler in steps:
                self._command(command, handler)
        else:
            self._steps.extend(steps)
            self._step()

    def content_sent(self) -> None:
        """The content and its final dot were sent."""
        self.stage = Stage.CONTENT
        # RFC 2920 3.1: the content may be the first of a group, so the next envelope needs not wait for its reply.
        self._next_allowed = "PIPELINING" in self.features

    def quit(self) -> None:
        """Say goodbye."""
        if not self._closed:
            self.stage = Stage.QUIT
            self._next_allowed = False
            self._command("QUIT", lambda _reply: self._close())

    # Opening

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
        self._next_allowed = True
        self._events.append(Ready(self.features))

    def _refuse(self, stage: Stage, reply: Reply) -> None:
        self._events.append(Refused(stage, reply))
        self._command("QUIT", lambda _reply: None)
        self._close()

    # Envelopes

    def _mail_command(self, envelope: Envelope) -> str:
        words = [f"MAIL FROM:<{envelope.sender}>"]
        if "SIZE" in self.features:
            words.append(f"SIZE={envelope.size}")
        if envelope.eightbit and "8BITMIME" in self.features:
            words.append("BODY=8BITMIME")
        if envelope.smtputf8:
            words.append("SMTPUTF8")
        return " ".join(words)

    def _on_mail(self, transaction: _Transaction, reply: Reply) -> None:
        transaction.answered = True
        if reply.code != 250:
            transaction.refused = reply
            if self._steps:
                self._finish(transaction, None)
                return
        self._step()

    def _rcpt_handler(self, transaction: _Transaction, index: int) -> _Handler:
        def on_rcpt(reply: Reply) -> None:
            if transaction.refused is not None:
                pass  # an echo of the refused MAIL: "503 MAIL first" is no reason to bounce
            elif reply.code in (250, 251):
                transaction.accepted += 1
            else:
                transaction.refusals[index] = reply
            if len(self._steps) == 1 and not transaction.accepted:  # without PIPELINING only DATA is left
                self._finish(transaction, None)
            else:
                self._step()

        return on_rcpt

    def _on_data(self, transaction: _Transaction, reply: Reply) -> None:
        wanted = transaction.accepted and transaction.refused is None
        if reply.code == 354 and wanted:
            # The reply is expected from now on: some servers refuse before they have read everything.
            self._expected.append(lambda final: self._finish(transaction, final, stale=False))
            self._events.append(SendContent(transaction.envelope))
        elif reply.code == 354:
            # RFC 2920 3.1: a server may ask for content without a recipient; it gets none.
            self._out += b".\r\n"
            self._expected.append(lambda _reply: self._finish(transaction, None))
        else:
            transaction.refused = transaction.refused or reply
            self._finish(transaction, None)

    def _finish(self, transaction: _Transaction, final: Reply | None, *, stale: bool = True) -> None:
        self._open.remove(transaction)
        self._steps.clear()
        self._stale = stale
        self._events.append(Done(transaction.envelope, transaction.replies(final), transaction.answered))
        if self._open:
            self.stage = Stage.ENVELOPE  # the one behind it is on its way already
        else:
            self.stage = Stage.READY
            self._next_allowed = True

    # Plumbing

    def _step(self) -> None:
        if self._steps:
            self._command(*self._steps.popleft())

    def _command(self, line: str, handler: _Handler) -> None:
        self._out += line.encode() + b"\r\n"
        self._expected.append(handler)

    def _shut_down(self, reply: Reply | None) -> None:
        if self.stage not in (Stage.READY, Stage.ENVELOPE, Stage.CONTENT, Stage.QUIT) and reply is not None:
            self._events.append(Refused(self.stage, reply))
        for transaction in self._open:
            self._events.append(Done(transaction.envelope, transaction.replies(reply), transaction.answered))
        self._open.clear()
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._next_allowed = False
        self._expected.clear()
        self._steps.clear()


def is_sendable(address: str) -> bool:
    """Whether an address can stand between angle brackets; anything else could end the command and begin another."""
    bare = _QUOTED.sub("", address)
    return not (_CONTROL.search(address) or "<" in bare or ">" in bare or '"' in bare)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
