"""A worker's side of the queue: claim rows, keep them, and settle what became of each."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from merpati.platform import mail_events
from merpati.platform.db import Connection
from merpati.platform.events import QUEUE
from merpati.queue import sql
from merpati.queue.base import Base
from merpati.queue.outcomes import Outcome, completed, failed, failure_detail, held, settle_arguments
from merpati.queue.report import Report
from merpati.queue.types import ENQUEUE, Failure, QueueRow, enqueue_arguments


@dataclass(slots=True)
class Cursor:
    """The lane (next hop, account) behind which the next claim begins."""

    hop: str = ""
    account: int = -1


class Leases(Base):
    """Rows are leased by Postgres's clock and settled only while `attempt` is still the claimant's."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursor = Cursor()
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"

    async def claim(
        self, wanted: int, *, per_lane: int = 10, busy: Sequence[str] = (), remote: bool = True
    ) -> list[QueueRow]:
        """Lease up to `wanted` due rows, fairly; see `queue.claim` in the schema."""
        cursor, lease = self._cursor, self._settings.queue_lease
        arguments = (self.worker, lease, self._clock(), wanted, per_lane, list(busy), remote)
        async with self._db.connection() as conn:
            result = await conn.execute(sql.CLAIM, (*arguments, cursor.hop, cursor.account))
            row = await result.fetchone()
            assert row is not None
            claimed, cursor.hop, cursor.account = row
            if not claimed:
                return []
            result = await conn.execute(sql.CLAIMED, (claimed, self.worker))
            return [QueueRow(*values) for values in await result.fetchall()]

    async def heartbeat(self, rows: Sequence[QueueRow]) -> set[int]:
        """Prolong the leases of `rows`; gives the ids of those that are still ours."""
        async with self._db.connection() as conn:
            result = await conn.execute(sql.HEARTBEAT, (self._settings.queue_lease, *_keys(rows)))
            return {row_id for (row_id,) in await result.fetchall()}

    async def give_back(self) -> None:
        """Return every row this worker still has, known to it or not, so that others may take them at once."""
        async with self._db.connection() as conn:
            await conn.execute(sql.GIVE_BACK, (self.worker,))

    async def settle(self, outcomes: Sequence[Outcome]) -> set[int]:
        """Enter what became of rows, with their trail, in one statement; gives the ids that were still ours.

        The files of finished rows are removed after the commit; a crash in between leaves one for the sweep.
        """
        if not outcomes:
            return set()
        async with self._db.connection() as conn:
            result = await conn.execute(sql.SETTLE, settle_arguments(outcomes))
            settled = await result.fetchall()
        files = [file for _, file in settled if file is not None]
        if files:
            await asyncio.to_thread(self._files.remove, files)
        return {row_id for row_id, _ in settled}

    async def complete(self, row: QueueRow, **detail: Any) -> bool:
        """The row was delivered. False: it was no longer ours."""
        return row.id in await self.settle([completed(row, **detail)])

    async def defer(self, row: QueueRow, failure: Failure) -> bool:
        """Try the row again later, or give it up if it has waited for its whole lifetime."""
        outcome = self.deferred(row, failure)
        if outcome is None:
            return await self.bounce([(row, failure)], event=mail_events.EXPIRED)
        return row.id in await self.settle([outcome])

    def deferred(self, row: QueueRow, failure: Failure) -> Outcome | None:
        """The outcome of a temporary failure; None: the row's lifetime is over."""
        next_at = self._policy.next_at(row.created_at, row.expires_at, self._clock())
        if next_at is None:
            return None
        detail = {**failure_detail(failure), "next_at": next_at.isoformat()}
        return Outcome(row, mail_events.DEFERRED, detail, next_at=next_at, failure=failure)

    async def bounce(
        self, failures: Sequence[tuple[QueueRow, Failure]], *, event: str = mail_events.BOUNCED
    ) -> bool:
        """Give up rows of one message: their place is taken by a report to whoever may be told (RFC 3464).

        Where nobody may be told, the rows are held for the postmaster: nothing is dropped unseen.
        False: the rows were no longer ours, and nothing was done.
        """
        report = await self._reports.make(failures, expired=event == mail_events.EXPIRED, now=self._clock())
        if report is None:
            return bool(await self.settle([held(row, failure) for row, failure in failures]))
        await asyncio.to_thread(self._files.write, report.row.file, report.content)
        told = {"report": report.row.trace_id, "to": report.row.recipient}
        outcomes = [failed(row, event, failure, **told) for row, failure in failures]
        try:
            async with self._db.transaction() as conn:
                await self._replace(conn, outcomes, report)
        except _Lost:
            await asyncio.to_thread(self._files.remove, [report.row.file])
            return False
        await asyncio.to_thread(self._files.remove, [row.file for row, _ in failures])
        if self._bell is not None:
            self._bell.ring(QUEUE)
        return True

    async def _replace(self, conn: Connection, outcomes: Sequence[Outcome], report: Report) -> None:
        result = await conn.execute(sql.SETTLE, settle_arguments(outcomes))
        if len(await result.fetchall()) != len(outcomes):
            raise _Lost
        await conn.execute(
            f"SELECT {ENQUEUE}",
            enqueue_arguments([report.row], self._settings.queue_lifetime),
        )
        await mail_events.log_events(conn, report.events)


class _Lost(Exception):
    """Another worker has the rows: the transaction is undone."""


def _keys(rows: Sequence[QueueRow]) -> tuple[list[int], list[int]]:
    return [row.id for row in rows], [row.attempt for row in rows]
