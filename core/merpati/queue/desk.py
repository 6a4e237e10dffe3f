"""The postmaster's side of the queue: look, hold, release, retry, delete; and the sweep of its files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from merpati.platform import mail_events
from merpati.platform.db import Connection
from merpati.platform.errors import Conflict, NotFound
from merpati.platform.events import QUEUE, RETRY
from merpati.platform.mail_events import MailEvent
from merpati.platform.telemetry import get_logger
from merpati.queue import sql
from merpati.queue.base import Base
from merpati.queue.types import Kind

log = get_logger(__name__)

_SWEEP_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as a postmaster sees it."""

    id: int
    trace_id: str
    kind: Kind
    account_id: int | None
    sender: str
    recipient: str
    size: int
    created_at: datetime
    expires_at: datetime
    next_at: datetime
    held: bool
    attempts: int
    active: bool
    last_status: str | None
    last_reply: str | None

    @property
    def state(self) -> str:
        """active (being sent now), held, deferred (failed before, waits), or queued."""
        if self.active:
            return "active"
        if self.held:
            return "held"
        return "deferred" if self.last_status else "queued"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows to list; None matches all."""

    trace_id: str | None = None
    sender: str | None = None
    recipient: str | None = None
    domain: str | None = None
    account_id: int | None = None
    held: bool | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits in the queue."""

    waiting: int
    deferred: int
    held: int
    oldest_seconds: float | None


async def depth(conn: Connection) -> Depth:
    """Counts of the whole queue."""
    row = await (await conn.execute(sql.DEPTH)).fetchone()
    assert row is not None  # an aggregate always has a row
    return Depth(*row)


class Desk(Base):
    """What `merpati queue` and the REST API do."""

    async def list(self, which: Filter | None = None, *, after: int = 0, limit: int = 100) -> list[Entry]:
        """Rows by id from behind `after`."""
        which = which or Filter()
        arguments = {name: getattr(which, name) for name in Filter.__dataclass_fields__}
        async with self._db.connection() as conn:
            result = await conn.execute(sql.LIST, {**arguments, "after": after, "limit": limit})
            return [Entry(*values) for values in await result.fetchall()]

    async def get(self, row_id: int) -> Entry:
        """Raises `NotFound`."""
        return await self._one(sql.GET, (row_id,), row_id)

    async def hold(self, row_id: int) -> Entry:
        """Keep a row from being tried until it is released; a try that is under way goes on."""
        return await self._one(sql.SET_HELD, (True, row_id), row_id)

    async def release(self, row_id: int) -> Entry:
        """Undo `hold`."""
        return self._ring(await self._one(sql.SET_HELD, (False, row_id), row_id))

    async def retry(self, row_id: int) -> Entry:
        """Try a row now, held or not."""
        return self._ring(await self._one(sql.RETRY, (self._clock(), row_id), row_id), RETRY)

    async def delete(self, row_id: int) -> None:
        """Drop a row without telling its sender; the trail keeps that it was done.

        Raises `NotFound`, or `Conflict` while it is being sent.
        """
        async with self._db.transaction() as conn:
            result = await conn.execute(sql.DELETE, (row_id,))
            row = await result.fetchone()
            if row is not None:
                trace_id, recipient, file = row
                await mail_events.log_events(conn, [MailEvent(trace_id, mail_events.DELETED, recipient)])
        if row is None:
            await self.get(row_id)
            raise Conflict(f"queue entry {row_id} is being sent now")
        await asyncio.to_thread(self._files.remove, [file])

    async def sweep(self) -> int:
        """Move old files that no row names to `lost+found`; gives their number.

        Such a file is the rest of a crash, or belongs to rows that an older backup of the database lacks.
        """
        moved = 0
        files = self._files.older_than(self._settings.adopt_after)
        while batch := await asyncio.to_thread(lambda: list(islice(files, _SWEEP_BATCH))):
            async with self._db.connection() as conn:
                result = await conn.execute(sql.KNOWN_FILES, (batch,))
                known = {file for (file,) in await result.fetchall()}
            aside = await asyncio.to_thread(
                self._files.set_aside, [file for file in batch if file not in known]
            )
            for path in aside:
                log.warning("spool file without a queue entry moved to lost+found", path=str(path))
            moved += len(aside)
        return moved

    async def _one(self, statement: str, arguments: tuple[object, ...], row_id: int) -> Entry:
        async with self._db.connection() as conn:
            result = await conn.execute(statement, arguments)
            values = await result.fetchone()
        if values is None:
            raise NotFound(f"no queue entry {row_id}")
        return Entry(*values)

    def _ring(self, entry: Entry, channel: str = QUEUE) -> Entry:
        if self._bell is not None:
            self._bell.ring(channel)
        return entry
