"""Reads the trail of messages that `mail_events` writes: the answer to "where did my mail go"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.platform.db import Connection

MAX_EVENTS = 5_000  # of all messages in one answer: a list of a thousand members has that many alone

# The newest messages that an address, a Message-ID or a trace id names, then all their events in order.
_FIND = """
WITH wanted AS (
    SELECT trace_id, max(at) AS last FROM platform.mail_events
    WHERE (%(address)s::text IS NULL OR address = %(address)s)
      AND (%(message_ids)s::text[] IS NULL OR message_id = ANY(%(message_ids)s))
      AND (%(trace_id)s::text IS NULL OR trace_id = %(trace_id)s)
    GROUP BY trace_id ORDER BY last DESC LIMIT %(limit)s
)
SELECT e.trace_id, e.at, e.kind, e.address, e.message_id, e.detail
FROM wanted w JOIN platform.mail_events e ON e.trace_id = w.trace_id
ORDER BY w.last DESC, e.trace_id, e.id LIMIT %(events)s
"""


@dataclass(frozen=True, slots=True)
class PastEvent:
    """A line of the trail, with when it was written."""

    trace_id: str
    at: datetime
    kind: str
    address: str | None
    message_id: str | None
    detail: dict[str, Any]


async def find(
    conn: Connection,
    *,
    address: str | None = None,
    message_id: str | None = None,
    trace_id: str | None = None,
    limit: int = 20,
) -> list[PastEvent]:
    """All events of the newest `limit` messages that the given key names; each message's in order, newest first."""
    bare = message_id.strip().removeprefix("<").removesuffix(">") if message_id is not None else None
    values = {
        "address": address,
        "message_ids": None if bare is None else [bare, f"<{bare}>"],
        "trace_id": trace_id,
        "limit": limit,
        "events": MAX_EVENTS,
    }
    return [PastEvent(*row) for row in await (await conn.execute(_FIND, values)).fetchall()]
