"""The trail of each message: what happened to it, written with what happened, in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from merpati.platform import arrays
from merpati.platform.arrays import Packed
from merpati.platform.db import Connection
from merpati.platform.text import storable

# Kinds. `accepted` is the first of every message that we took; the others name a recipient.
ACCEPTED = "accepted"
REFUSED = "refused"
DELIVERED = "delivered"
QUEUED = "queued"
SENT = "sent"
DEFERRED = "deferred"
BOUNCED = "bounced"
EXPIRED = "expired"
HELD = "held"
DELETED = "deleted"

ARGUMENTS = "%s::text[], %s::text[], %s::text[], %s::text[], %s::text[]"
"""The parameters of `platform.log_events`, for statements that call it beside others."""


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One line of the trail; `address` is the sender of `accepted`, else the recipient it is about."""

    trace_id: str
    kind: str
    address: str | None = None
    message_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def arguments(events: Sequence[MailEvent]) -> list[Packed]:
    """The arrays of `platform.log_events`, in order."""
    return [
        arrays.texts([event.trace_id for event in events]),
        arrays.texts([event.kind for event in events]),
        arrays.texts([_optional(event.address) for event in events]),
        arrays.texts([_optional(event.message_id) for event in events]),
        arrays.texts([_json(event.detail) for event in events]),
    ]


async def log_events(conn: Connection, events: Sequence[MailEvent]) -> None:
    """Write `events` in the transaction of `conn`."""
    if events:
        await conn.execute(f"SELECT platform.log_events({ARGUMENTS})", arguments(events))


async def happened(conn: Connection, event: MailEvent) -> bool:
    """Whether the transaction that wrote `event` was committed: the answer to a lost COMMIT."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM platform.mail_events"
        " WHERE trace_id = %s AND kind = %s AND address IS NOT DISTINCT FROM %s::text)",
        (event.trace_id, event.kind, _optional(event.address)),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _optional(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _json(detail: Mapping[str, Any]) -> str:
    text = json.dumps(detail, ensure_ascii=False)
    if text.isascii() and "\\u0000" not in text:
        return text
    return json.dumps(_clean(detail), ensure_ascii=False)


def _clean(value: Any) -> Any:
    """`value` with every string fit for jsonb, which has no NUL either."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
