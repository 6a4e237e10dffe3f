"""Refused mail in the trail, so that `merpati trace` has an answer for it too."""

from __future__ import annotations

import asyncio

from merpati.message import first_values, headers, unfold
from merpati.platform import mail_events
from merpati.platform.db import Database
from merpati.platform.errors import Unavailable
from merpati.platform.mail_events import MailEvent
from merpati.platform.telemetry import get_logger
from merpati_smtp.server.session import Envelope, Session

log = get_logger(__name__)

INTERVAL = 1.0
LIMIT = 200
"""Refusals kept in one interval. Strangers cause them, so they must cost little; a flood is not traced to its end."""
RECIPIENTS = 10
"""Recipients that one refused message is noted for."""


class Refusals:
    """Gathers refusals, and writes them once a second: no client waits for that, and none can make it expensive."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[MailEvent] = []

    def recipient(self, session: Session, envelope: Envelope, address: str, reply: str) -> None:
        """RCPT was refused."""
        self._note(session, envelope, address, None, reply)

    def message(self, session: Session, envelope: Envelope, reply: str) -> None:
        """The message was refused, after its recipients had been accepted."""
        message_id = _message_id(envelope)
        for address in envelope.rcpt_tos[:RECIPIENTS]:
            self._note(session, envelope, address, message_id, reply)

    async def run(self) -> None:
        """Write what was gathered; runs for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.flush()

    async def flush(self) -> None:
        events, self._waiting = self._waiting, []
        if not events:
            return
        try:
            async with self._db.connection() as conn:
                await mail_events.log_events(conn, events)
        except Unavailable as error:
            log.info("refusals not noted", number=len(events), error=str(error))

    def _note(
        self, session: Session, envelope: Envelope, address: str, message_id: str | None, reply: str
    ) -> None:
        if len(self._waiting) < LIMIT:
            detail = {"client": session.client, "sender": envelope.sender, "reply": reply}
            self._waiting.append(
                MailEvent(envelope.trace_id, mail_events.REFUSED, address, message_id, detail)
            )


def _message_id(envelope: Envelope) -> str | None:
    if not isinstance(envelope.message, bytes):
        return None
    raw = first_values(headers(envelope.message)).get(b"message-id")
    return None if raw is None else unfold(raw).decode("utf-8", "replace")[:998] or None
