"""`Submission`: what leaves in a user's name over SMTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from merpati.delivery import Delivered, Delivery, Incoming
from merpati.directory import Directory
from merpati.platform.db import Database
from merpati.platform.errors import Denied, Throttled, Unavailable
from merpati.platform.settings import Settings
from merpati.store import SpooledFile
from merpati.submission.complete import HEADER, authors, header_of, missing
from merpati.submission.sql import SUBMITTED

_REMEMBERED = 10.0
"""How long an account's count is trusted; other processes count as well."""
_ACCOUNTS = 10_000


class Submission:
    """Checks the author, completes the header, counts the recipients, and delivers."""

    def __init__(self, db: Database, directory: Directory, delivery: Delivery, settings: Settings) -> None:
        self._db = db
        self._directory = directory
        self._delivery = delivery
        self._limit = settings.submission_rate
        self._used: dict[int, tuple[float, int]] = {}

    async def may_send_as(self, account_id: int, sender: str) -> bool:
        """Whether the account may use the envelope sender; the null one is anybody's (RFC 6409 6.1 leaves it to us)."""
        return not sender or await self._directory.may_send_as(account_id, sender)

    async def check_limit(self, account_id: int, recipients: int) -> None:
        """Raise `Throttled` where so many recipients more are above the day's limit."""
        if not self._limit:
            return
        now = time.monotonic()
        until, used = self._used.get(account_id, (0.0, 0))
        if until < now or used + recipients > self._limit:
            used = await self._ask_used(account_id)
            until = now + _REMEMBERED
        if used + recipients > self._limit:
            raise Throttled(f"more than {self._limit} recipients in a day", _until_tomorrow())
        self._used[account_id] = (until, used + recipients)

    async def submit(self, incoming: Incoming) -> Delivered:
        """Deliver in the name of `incoming.account_id`. Raises what `Delivery.deliver` does, `Denied` and `Throttled`.

        A spooled message is used up either way.
        """
        await self._owned(incoming, self._check)
        return await self._delivery.deliver(incoming)

    async def relay(self, incoming: Incoming) -> Delivered:
        """Deliver for a client that may relay without logging in (a scanner, which often writes half a header)."""
        await self._owned(incoming, self._complete)
        return await self._delivery.deliver(incoming)

    async def _owned(self, incoming: Incoming, step: Callable[[Incoming, bytes], Awaitable[None]]) -> None:
        """Run `step` with the message's header; where it fails, a spooled message is removed."""
        content = incoming.content
        if isinstance(content, bytes):
            await step(incoming, header_of(content))
            return
        try:
            await step(incoming, await asyncio.to_thread(_read_header, content))
        except BaseException:
            content.discard()
            raise

    async def _check(self, incoming: Incoming, header: bytes) -> None:
        assert incoming.account_id is not None
        for address in authors(header):
            if not await self._directory.may_send_as(incoming.account_id, address):
                raise Denied(f"{address} is not yours to write from")
        await self.check_limit(incoming.account_id, len(incoming.recipients))
        await self._complete(incoming, header)

    async def _complete(self, incoming: Incoming, header: bytes) -> None:
        now = datetime.now().astimezone()
        incoming.additions += missing(header, incoming.sender, incoming.trace_id, now)

    async def _ask_used(self, account_id: int) -> int:
        if len(self._used) > _ACCOUNTS:
            self._used.clear()
        async with self._db.connection() as conn:
            row = await (await conn.execute(SUBMITTED, (account_id,))).fetchone()
        return int(row[0]) if row else 0


def _read_header(spooled: SpooledFile) -> bytes:
    try:
        with open(spooled.path, "rb") as file:
            file.seek(spooled.room)
            return header_of(file.read(HEADER))
    except OSError as error:
        raise Unavailable(f"spool not readable: {error.strerror}") from error


def _until_tomorrow() -> float:
    return 86_400.0 - time.time() % 86_400.0
