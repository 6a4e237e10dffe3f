"""What the server remembers of a connection and of a mail transaction: aiosmtpd's Session and Envelope, typed."""

from __future__ import annotations

import asyncio
from ssl import SSLObject
from typing import Any

from aiosmtpd.smtp import Envelope as AiosmtpdEnvelope
from aiosmtpd.smtp import Session as AiosmtpdSession

from merpati.delivery import Recipient, Trace, head
from merpati.directory import Verdict
from merpati.platform.trace import new_trace_id
from merpati.store import SpooledFile
from merpati_smtp.server.address import NULL_PATH
from merpati_smtp.server.body import Body


class Session(AiosmtpdSession):
    """One connection: who is at the other end, and how far it has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: str) -> None:
        super().__init__(loop)
        self.client = client
        """The client's IP address."""
        self.tls: SSLObject | None = None
        """TLS, where it is active (aiosmtpd's `ssl` is not used)."""
        self.verdict: Verdict | None = None
        """Who logged in."""

    @property
    def login_data(self) -> Any:
        """aiosmtpd's own is deprecated and logs a warning each time."""
        return None

    @login_data.setter
    def login_data(self, value: Any) -> None:
        return


class Envelope(AiosmtpdEnvelope):
    """One mail transaction."""

    mail_from: str | None

    def __init__(self) -> None:
        super().__init__()
        self._trace_id = ""
        self.recipients: list[Recipient] = []
        self.refused = 0
        """Recipients that were refused."""
        self.size = 0
        """What MAIL said with SIZE=; 0 if nothing."""
        self.trace: Trace | None = None
        self.body: Body | None = None
        self.message: bytes | SpooledFile = b""

    @property
    def trace_id(self) -> str:
        """The message's id, made when it is first asked for: most envelopes never hold a message."""
        if not self._trace_id:
            self._trace_id = new_trace_id()
        return self._trace_id

    @property
    def room(self) -> int:
        """What a spooled message leaves free at its start for trace headers."""
        return len(head(self.sender, self.recipients, self.trace))

    @property
    def sender(self) -> str:
        """The reverse-path; empty for the null one."""
        return "" if self.mail_from in (None, NULL_PATH) else self.mail_from or ""
