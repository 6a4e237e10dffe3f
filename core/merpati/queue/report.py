"""Who is told that a message could not be delivered, and with what: never a stranger (no backscatter)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from merpati.platform import mail_events
from merpati.platform.mail_events import MailEvent
from merpati.platform.settings import Settings
from merpati.platform.trace import new_trace_id
from merpati.queue import dsn
from merpati.queue.files import QueueFiles, new_file
from merpati.queue.types import Failure, NewQueueRow, QueueRow

IsLocal = Callable[[str], Awaitable[bool]]

_HEADER_LIMIT = 256 * 1024
"""How much of a message is looked at for its header."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report, about to take the place of the rows it is on."""

    row: NewQueueRow
    content: bytes
    events: list[MailEvent]


class Reports:
    """Makes reports, as local rows of the queue."""

    def __init__(self, files: QueueFiles, settings: Settings, is_local: IsLocal | None) -> None:
        self._files = files
        self._settings = settings
        self._is_local = is_local

    async def make(
        self, failures: Sequence[tuple[QueueRow, Failure]], *, expired: bool, now: datetime
    ) -> Report | None:
        """A report on rows of one message; None: nobody may be told.

        Whoever submitted the message gets a report with its header. For mail that came from outside, the sender
        may be forged: the postmaster of the domain it came through gets the report and the whole message.
        """
        first = failures[0][0]
        if first.account_id is not None and first.sender:
            to, whole = first.sender, False
        else:
            postmaster = await self._postmaster(first)
            if postmaster is None:
                return None
            to, whole = postmaster, True
        original = await asyncio.to_thread(self._original, first, -1 if whole else _HEADER_LIMIT)
        notice = dsn.Notice(
            to=to,
            hostname=self._settings.myhostname,
            trace_id=new_trace_id(),
            about=first.trace_id,
            arrived=first.created_at,
            now=now,
            expired=expired,
            sender=first.sender,
            failures=[
                dsn.FailedRecipient(row.recipient, row.original_recipient, failure)
                for row, failure in failures
            ],
            original=original,
            whole=whole,
        )
        content = await asyncio.to_thread(dsn.build, notice)
        return Report(
            row=NewQueueRow(
                trace_id=notice.trace_id,
                kind="local",
                account_id=None,
                sender="",
                recipient=to,
                original_recipient=None,
                file=new_file(notice.trace_id),
                prefix_len=0,
                size=len(content),
                eightbit=not content.isascii(),
                smtputf8=not to.isascii(),
            ),
            content=content,
            events=[
                MailEvent(
                    notice.trace_id,
                    mail_events.ACCEPTED,
                    "",
                    notice.message_id,
                    {"report_on": first.trace_id},
                ),
                MailEvent(notice.trace_id, mail_events.QUEUED, to),
            ],
        )

    def _original(self, row: QueueRow, limit: int) -> bytes:
        """The message; empty where its file is lost, for then the report matters all the more."""
        if not self._files.path(row.file).exists():
            return b""
        return self._files.read(row.file, row.prefix_len, limit)

    async def _postmaster(self, row: QueueRow) -> str | None:
        """The postmaster of a domain of ours that the message went through."""
        if self._is_local is None:
            return None
        for address in (row.original_recipient, row.recipient, row.sender):
            local_part, _, domain = (address or "").rpartition("@")
            if not domain or not await self._is_local(domain):
                continue
            if local_part.lower() == "postmaster" and address != row.sender:
                return None  # the report to the postmaster itself failed: no second one, no circle
            return f"postmaster@{domain}"
        return None
