"""Deliveries put off that end here: queue rows of the kind `local`, through the one door."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

from merpati.delivery import Delivery, Incoming, Loop, Recipient, Undeliverable
from merpati.delivery import Outcome as Verdict
from merpati.directory import Directory
from merpati.platform import mail_events
from merpati.platform.db import Database
from merpati.platform.errors import Invalid, Unavailable
from merpati.platform.mail_events import MailEvent
from merpati.platform.settings import Settings
from merpati.queue import Failure, QueueFiles, QueueRow
from merpati_smtp.outbound import failures

_LARGE = 1024 * 1024
_LARGE_AT_ONCE = 2


class LocalDelivery:
    """Delivers rows here."""

    def __init__(
        self, db: Database, files: QueueFiles, directory: Directory, delivery: Delivery, settings: Settings
    ) -> None:
        self._db = db
        self._files = files
        self._directory = directory
        self._delivery = delivery
        self._settings = settings
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def deliver(self, row: QueueRow) -> Failure | None:
        """Deliver `row`; None: it is delivered, and the trail says so."""
        try:
            if row.attempt > 1 and await self._was_delivered(row):
                return None
            async with self._large if row.size > _LARGE else nullcontext():
                await self._deliver(row)
        except Undeliverable as error:
            return self._failure(row, error.outcomes[row.recipient])
        except Loop:
            return failures.looped_here()
        except Invalid:
            return failures.bad_address()
        except Unavailable as error:
            return failures.unavailable_here(str(error))
        return None

    async def _deliver(self, row: QueueRow) -> None:
        content = await asyncio.to_thread(self._files.read, row.file, row.prefix_len)
        resolution = await self._directory.resolve(row.recipient)
        await self._delivery.deliver(
            Incoming(
                trace_id=row.trace_id,
                sender=row.sender,
                recipients=[Recipient(row.recipient, resolution)],
                content=content,
                account_id=row.account_id,
                smtputf8=row.smtputf8,
                accept=False,
                original_recipient=row.original_recipient,
            )
        )

    async def _was_delivered(self, row: QueueRow) -> bool:
        """Whether an earlier attempt got as far as the mailbox and died before it settled the row."""
        async with self._db.connection() as conn:
            event = MailEvent(row.trace_id, mail_events.DELIVERED, row.recipient)
            return await mail_events.happened(conn, event)

    def _failure(self, row: QueueRow, verdict: Verdict) -> Failure:
        if verdict is Verdict.OVER_QUOTA:
            return failures.mailbox_full(self._settings.quota_full_permanent)
        if verdict is Verdict.DISABLED:
            return failures.disabled_here(row.recipient)
        return failures.unknown_here(row.recipient)
