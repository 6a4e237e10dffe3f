"""What a command's handler sees of its session: state, maildrop, and the way to the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Flag
from typing import Protocol

from merpati.directory import Verdict
from merpati_imap_pop.pop3.maildrop import Maildrop
from merpati_imap_pop.pop3.replies import Refusal
from merpati_imap_pop.services import Services


class State(Flag):
    """RFC 1939 3; UPDATE is QUIT's own work."""

    AUTHORIZATION = 1
    TRANSACTION = 2
    OVER = 4


class Channel(Protocol):
    """The client's connection."""

    secure: bool
    peer: str

    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def stop_reading(self) -> None: ...
    async def start_tls(self) -> bool: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Pending:
    """The command goes on with the client's next line (AUTH), after this challenge."""

    challenge: bytes
    on_line: Callable[[bytes], Outcome | Awaitable[Outcome]]


Outcome = bytes | Pending
"""A handler's whole reply (b'': it was sent already), or the wait for another line."""


class Context:
    """One session. Handlers change its state; `session.Session` runs them."""

    def __init__(self, channel: Channel, services: Services) -> None:
        self.channel = channel
        self.services = services
        self.state = State.AUTHORIZATION
        self.username: bytes | None = None
        """What USER said, for PASS."""
        self.verdict: Verdict | None = None
        self.failures = 0
        """Logins that failed."""
        self.after_reply: Callable[[], Awaitable[object]] | None = None
        self.on_login: Callable[[], None] = lambda: None
        self._maildrop: Maildrop | None = None

    @property
    def maildrop(self) -> Maildrop:
        if self._maildrop is None:
            raise Refusal("Log in first")
        return self._maildrop

    def enter(self, verdict: Verdict, maildrop: Maildrop) -> None:
        """The TRANSACTION state begins."""
        self.verdict = verdict
        self._maildrop = maildrop
        self.state = State.TRANSACTION
        self.on_login()

    @property
    def allows_password(self) -> bool:
        return self.services.logins.allows_password(secure=self.channel.secure)
