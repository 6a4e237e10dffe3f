"""Trace ids and the trail of a message, in a real Postgres."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from merpati.platform import mail_events
from merpati.platform.db import Database
from merpati.platform.mail_events import MailEvent
from merpati.platform.trace import LENGTH, new_trace_id


def test_trace_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_trace_id() for _ in range(1_000)]
    assert len(set(ids)) == 1_000
    assert {len(item) for item in ids} == {LENGTH}
    assert [item[:10] for item in ids] == sorted(item[:10] for item in ids)


async def test_events_survive_what_mail_can_say(database: Callable[[str], Awaitable[Database]]) -> None:
    db = await database("smtp")
    trace_id = new_trace_id()
    accepted = MailEvent(
        trace_id, mail_events.ACCEPTED, "a\0b@c", "<x\udc80y>", {"client": "1\0", "n": [1, "\ud800"]}
    )
    async with db.connection() as conn:
        assert not await mail_events.happened(conn, accepted)
        await mail_events.log_events(conn, [accepted, MailEvent(trace_id, mail_events.DELIVERED, "d@e")])
        assert await mail_events.happened(conn, accepted)
        assert not await mail_events.happened(conn, MailEvent(trace_id, mail_events.DELIVERED, "a@b"))
        cursor = await conn.execute(
            "SELECT kind, address, message_id, detail FROM platform.mail_events WHERE trace_id = %s ORDER BY id",
            (trace_id,),
        )
        assert await cursor.fetchall() == [
            ("accepted", "ab@c", "<x\ufffdy>", {"client": "1", "n": [1, "\ufffd"]}),
            ("delivered", "d@e", None, {}),
        ]
