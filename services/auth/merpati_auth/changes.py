"""One change of the directory: a transaction, its audit entry, and the bells that are rung after the commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from merpati.platform.db import Connection, Database
from merpati.platform.errors import OutcomeUnknown
from merpati.platform.events import DIRECTORY, Bell
from merpati_auth import audit
from merpati_auth.actor import Actor


class Change:
    """What a change is made through."""

    def __init__(self, conn: Connection, actor: Actor) -> None:
        self.conn = conn
        self.actor = actor
        self.touched: set[int] = set()

    def touch(self, account_ids: Iterable[int]) -> None:
        """Sessions of these accounts must look at their `auth_version`."""
        self.touched.update(account_ids)

    async def audit(self, action: str, target: str, **detail: Any) -> None:
        await audit.write(
            self.conn,
            actor=self.actor.address,
            client=self.actor.client,
            action=action,
            target=target,
            detail=detail,
        )


class Changes:
    """Begins changes."""

    def __init__(self, db: Database, bell: Bell) -> None:
        self._db = db
        self._bell = bell

    @asynccontextmanager
    async def begin(self, actor: Actor) -> AsyncIterator[Change]:
        """A change that is committed and then rung; an exception undoes it."""
        change: Change | None = None
        try:
            async with self._db.transaction() as conn:
                change = Change(conn, actor)
                yield change
        except OutcomeUnknown:
            self._ring(change)  # it may have happened, and a ring too many does no harm
            raise
        self._ring(change)

    def _ring(self, change: Change | None) -> None:
        # The directory's bell first: caches are empty before a session looks.
        self._bell.ring(DIRECTORY)
        if change is not None:
            self._bell.ring_accounts(sorted(change.touched))
