"""What goes through the door and what comes back: the types that delivery shares with its callers."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from merpati.directory import Resolution
from merpati.platform.errors import MerpatiError
from merpati.store import SpooledFile


class Outcome(enum.Enum):
    """What became of one envelope recipient."""

    DELIVERED = "delivered"
    """In at least one mailbox here, or in the queue on its way there (a long list)."""
    QUEUED = "queued"
    """In the queue: to be sent to another host, or waiting for room in a mailbox that is full at the moment."""
    OVER_QUOTA = "over_quota"
    """The mailbox is full, and nobody else got the message: nothing was stored."""
    UNKNOWN = "unknown"
    """Nobody here has this address (any more): nothing was stored, or the sender will be told."""
    DISABLED = "disabled"
    """The address takes no mail at the moment: nothing was stored."""


class Loop(MerpatiError):
    """The message has been here before, or through too many hosts (RFC 5321 6.3)."""


class Undeliverable(MerpatiError):
    """No recipient could be given the message; `outcomes` says why, recipient by recipient."""

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        super().__init__("no recipient could be given the message")
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class Recipient:
    """One envelope recipient, and where the directory says it leads."""

    address: str
    resolution: Resolution


@dataclass(frozen=True, slots=True)
class Trace:
    """Our Received line, but for what only delivery knows: whether it may name the recipient (`for`)."""

    clauses: bytes
    """From `Received:` to the `id` clause, folded, without a line end."""
    at: datetime


@dataclass(slots=True, kw_only=True)
class Incoming:
    """A message at the door. A spooled `content` belongs to delivery from here on."""

    trace_id: str
    sender: str
    """The reverse-path; empty for the null one."""
    recipients: Sequence[Recipient]
    content: bytes | SpooledFile
    """Lines end with CRLF. A spooled file has the room that `headers.head` needs, or none at all."""
    trace: Trace | None = None
    """None: our Received line already stands in `content`, as in mail that comes out of the queue."""
    additions: bytes = b""
    """Header fields that submission added, each with its CRLF."""
    account_id: int | None = None
    """Who submitted it; None: it came from outside, so it never causes a report to the outside."""
    smtputf8: bool = False
    accept: bool = True
    """Whether this is the message's acceptance; False for mail that comes out of the queue."""
    original_recipient: str | None = None
    """Whom mail that comes out of the queue was first for, where an alias led elsewhere."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What the trail says of its arrival: client, protocol, TLS."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of each envelope recipient, after everything was made durable."""

    trace_id: str
    outcomes: Mapping[str, Outcome]
