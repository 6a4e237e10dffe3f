"""The one committer: messages that wait together are written, synced and entered together (group commit)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from merpati.delivery import sql
from merpati.delivery.asking import committed
from merpati.delivery.lane import Entry, Lane
from merpati.delivery.plan import Plan, Refused
from merpati.platform import arrays, mail_events
from merpati.platform.db import Database
from merpati.platform.errors import MerpatiError, OutcomeUnknown, Unavailable
from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger
from merpati.queue import enqueue_arguments
from merpati.store import MailFiles, place_arguments

log = get_logger(__name__)

BATCH = 100
BATCH_SIZE = 16 * 1024 * 1024
"""Octets in one batch."""
LARGE = 1024 * 1024
"""Messages above this have a lane of their own: no small one waits for the disk to take them."""


class NotPlaced(MerpatiError):
    """Some accounts can't take the message; nothing was stored, and it may be planned anew without them."""

    def __init__(self, refused: Refused) -> None:
        super().__init__("not every recipient could be given the message")
        self.refused = refused


class Committer:
    """Enters plans; whoever waits for one hears of it when it is durable."""

    def __init__(self, db: Database, files: MailFiles, settings: Settings) -> None:
        self._db = db
        self._files = files
        self._settings = settings
        # One batch at a time: what comes meanwhile makes the next one bigger, and a bigger batch is cheaper. On one
        # core two batches in flight were a fifth slower, at 10 sessions and at 50.
        self._small = Lane(self._work, width=1, items=BATCH, size=BATCH_SIZE)
        self._large = Lane(self._work, width=2, items=1, size=0)

    async def enter(self, plan: Plan) -> None:
        """Write and enter `plan`. Raises `NotPlaced`, or `Unavailable` where nothing is known to be stored.

        Once begun it goes on, whether its caller still waits or not.
        """
        await (self._large if plan.size > LARGE else self._small).do(plan, plan.size)

    async def drain(self) -> None:
        """Wait until nothing is in flight: before the service ends."""
        await self._small.drain()
        await self._large.drain()

    async def _work(self, batch: Sequence[Entry[Plan]]) -> None:
        try:
            await self._enter([entry.item for entry in batch])
        except MerpatiError as error:
            for entry in batch:
                entry.answer(error)
        except Exception as error:  # whatever it is, everybody who waits must be answered
            await self._apart(batch, error)
        else:
            for entry in batch:
                entry.answer(None)

    async def _apart(self, batch: Sequence[Entry[Plan]], error: Exception) -> None:
        """Postgres refused a batch for what is in it: try its messages one by one, so that a bad one fails alone."""
        if len(batch) == 1:
            batch[0].answer(_translate(error, batch[0].item))
            return
        for entry in batch:
            try:
                await self._enter([entry.item])
            except MerpatiError as own:
                entry.answer(own)
            except Exception as own:
                entry.answer(_translate(own, entry.item))
            else:
                entry.answer(None)

    async def _enter(self, plans: Sequence[Plan]) -> None:
        await self._files.write([plan.write for plan in plans])
        try:
            await self._execute(plans)
        except OutcomeUnknown:
            raise  # the rows may be there, or come: the files stay
        except Exception:
            await self._files.discard(path for plan in plans for path in plan.write.targets)
            raise

    async def _execute(self, plans: Sequence[Plan]) -> None:
        statement, arguments = self._statement(plans)
        backend = 0
        try:
            async with self._db.connection() as conn:
                backend = conn.info.backend_pid
                await conn.execute(statement, arguments)
        except OutcomeUnknown as error:
            if not await committed(self._db, plans[0].events[0], backend):
                raise Unavailable("the database was lost before the message was entered") from error

    def _statement(self, plans: Sequence[Plan]) -> tuple[str, list[Any]]:
        placements = [item for plan in plans for item in plan.placements]
        rows = [item for plan in plans for item in plan.rows]
        submitted = [item for plan in plans if (item := plan.submitted) is not None]
        arguments: list[Any] = []
        if placements:
            arguments += place_arguments(placements, self._settings.mailbox_size_limit)
        if rows:
            arguments += enqueue_arguments(rows, self._settings.queue_lifetime)
        if submitted:
            arguments.append(arrays.bigints([account_id for account_id, _ in submitted]))
            arguments.append(arrays.integers([count for _, count in submitted]))
        arguments += mail_events.arguments([event for plan in plans for event in plan.events])
        return sql.enter(placements=bool(placements), rows=bool(rows), submitted=bool(submitted)), arguments


def _translate(error: Exception, plan: Plan) -> MerpatiError:
    if isinstance(error, psycopg.Error) and error.sqlstate == sql.NOT_PLACED:
        return NotPlaced(_refused(error.diag.message_detail or "", plan))
    # Ours to mend, and the sender's to keep meanwhile.
    log.error("message not entered", trace_id=plan.incoming.trace_id, error=repr(error))
    return Unavailable("the message could not be entered")


def _refused(detail: str, plan: Plan) -> Refused:
    statuses = [item.split(" ") for item in detail.split(",")]
    accounts = {plan.placements[int(ordinal) - 1].account_id: status for ordinal, status in statuses}
    return Refused(
        full=frozenset(item for item, status in accounts.items() if status == "over_quota"),
        gone=frozenset(item for item, status in accounts.items() if status != "over_quota"),
    )
