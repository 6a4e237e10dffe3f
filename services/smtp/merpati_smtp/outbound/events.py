"""What the SMTP client is told and tells: envelopes, stages, events."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from merpati_smtp.outbound.features import Features
from merpati_smtp.outbound.replies import Reply

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


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


def is_sendable(address: str) -> bool:
    """Whether an address can stand between angle brackets; anything else could end the command and begin another."""
    bare = _QUOTED.sub("", address)
    return not (_CONTROL.search(address) or "<" in bare or ">" in bare or '"' in bare)
