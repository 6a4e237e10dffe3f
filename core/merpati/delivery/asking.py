"""What became of a transaction whose answer was lost: the trail knows, once the server process is gone."""

from __future__ import annotations

import asyncio

from merpati.delivery import sql
from merpati.platform import mail_events
from merpati.platform.db import Database
from merpati.platform.errors import OutcomeUnknown, Unavailable
from merpati.platform.mail_events import MailEvent
from merpati.platform.telemetry import get_logger

log = get_logger(__name__)

PATIENCE = 30.0
"""How long Postgres is asked."""
_PAUSE = 0.2


async def committed(db: Database, event: MailEvent, backend: int) -> bool:
    """Whether the transaction that wrote `event`, run by the server process `backend`, was committed.

    "No" is certain only when that process is gone: until then it may still commit. Raises `OutcomeUnknown`
    where Postgres does not come back to say.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while loop.time() < until:
        try:
            async with db.connection() as conn:
                running = await (await conn.execute(sql.RUNNING, (backend,))).fetchone()
                if await mail_events.happened(conn, event):
                    return True
                if running == (False,):
                    return False
        except Unavailable as error:
            log.info("asking what became of a commit", trace_id=event.trace_id, error=str(error))
        await asyncio.sleep(_PAUSE)
    raise OutcomeUnknown("the database did not come back to say what became of the message")
