"""Claims are fair and leased; only the claimant of the last attempt settles a row."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.queue import Failure, Queue, QueueFiles
from tests.queueing import MESSAGE, Enqueuer

BUSY = Failure("4.2.1", "The server asked to wait.", "450 4.2.1 later", "mx.example.net")


async def events(db: Database, kind: str) -> list[tuple[str, dict[str, str]]]:
    async with db.connection() as conn:
        result = await conn.execute(
            "SELECT address, detail FROM platform.mail_events WHERE kind = %s ORDER BY id", (kind,)
        )
        return [(address, detail) for address, detail in await result.fetchall()]


async def expire_leases(db: Database) -> None:
    async with db.connection() as conn:
        await conn.execute("UPDATE queue.messages SET lease_until = now() - interval '1 second'")


async def test_an_empty_queue_gives_nothing(queue: Queue) -> None:
    assert await queue.claim(10) == []


async def test_a_claimed_row_is_not_given_twice(queue: Queue, enqueue: Enqueuer) -> None:
    (row_id,) = await enqueue("sari@example.net")
    (row,) = await queue.claim(10)
    assert (row.id, row.attempt, row.next_hop) == (row_id, 1, "example.net")
    assert await queue.claim(10) == []


async def test_two_workers_share_the_rows(
    queue: Queue, db: Database, files: QueueFiles, settings: Settings, enqueue: Enqueuer
) -> None:
    ids = await enqueue(*(f"u{n}@example.net" for n in range(30)))
    other = Queue(db, files, None, settings)
    first, second = await queue.claim(15), await other.claim(30)
    assert len(first) == len(second) == 15
    assert sorted(row.id for row in first + second) == ids


async def test_a_lost_lease_is_taken_over_and_the_late_worker_changes_nothing(
    queue: Queue, db: Database, files: QueueFiles, settings: Settings, enqueue: Enqueuer
) -> None:
    await enqueue("sari@example.net")
    (late,) = await queue.claim(1)
    await expire_leases(db)
    other = Queue(db, files, None, settings)
    (row,) = await other.claim(1)
    assert row.attempt == 2
    assert not await queue.complete(late)
    assert not await queue.defer(late, BUSY)
    assert not await queue.bounce([(late, Failure("5.1.1", "No such user."))])
    assert await queue.heartbeat([late]) == set()
    assert files.path(row.file).read_bytes() == MESSAGE
    assert await other.complete(row)
    assert not files.path(row.file).exists()


async def test_a_heartbeat_keeps_the_lease(queue: Queue, db: Database, enqueue: Enqueuer) -> None:
    await enqueue("sari@example.net")
    rows = await queue.claim(1)
    await expire_leases(db)
    assert await queue.heartbeat(rows) == {rows[0].id}
    assert await queue.claim(1) == []


async def test_a_row_given_back_is_free_at_once(queue: Queue, enqueue: Enqueuer) -> None:
    await enqueue("sari@example.net")
    await queue.claim(1)
    await queue.give_back()
    assert len(await queue.claim(1)) == 1


async def test_a_mailing_does_not_hold_up_a_person(queue: Queue, enqueue: Enqueuer) -> None:
    await enqueue(*(f"u{n}@example.net" for n in range(500)), account_id=1)
    await enqueue("sari@example.net", account_id=2)
    await enqueue("budi@example.org", account_id=1)
    rows = await queue.claim(30)
    assert {"sari@example.net", "budi@example.org"} <= {row.recipient for row in rows}


async def test_claims_go_round_the_lanes(queue: Queue, enqueue: Enqueuer) -> None:
    for account in range(1, 6):
        await enqueue(*(f"u{n}@example.net" for n in range(20)), account_id=account)
    seen: Counter[int | None] = Counter()
    for _ in range(4):
        seen.update(row.account_id for row in await queue.claim(10, per_lane=5))
    assert set(seen) == {1, 2, 3, 4, 5}
    assert min(seen.values()) >= 4


async def test_one_lane_alone_fills_the_claim(queue: Queue, enqueue: Enqueuer) -> None:
    await enqueue(*(f"u{n}@example.net" for n in range(100)))
    assert len(await queue.claim(50, per_lane=10)) == 50


async def test_busy_hops_and_closed_ways_are_passed_over(queue: Queue, enqueue: Enqueuer) -> None:
    await enqueue("a@example.net", "b@example.org")
    await enqueue("iqbal@example.com", kind="local")
    assert [row.recipient for row in await queue.claim(9, remote=False)] == ["iqbal@example.com"]
    assert [row.recipient for row in await queue.claim(9, busy=["example.net"])] == ["b@example.org"]


async def test_a_deferred_row_waits_for_its_time(
    db: Database, files: QueueFiles, settings: Settings, enqueue: Enqueuer
) -> None:
    now = datetime.now(UTC) + timedelta(seconds=1)
    queue = Queue(db, files, None, settings, clock=lambda: now)
    await enqueue("later@example.net")
    (row,) = await queue.claim(1)
    assert await queue.defer(row, BUSY)
    assert await queue.claim(1) == []
    now += timedelta(seconds=301)
    (row,) = await queue.claim(1)
    (entry,) = await queue.list()
    assert (entry.last_status, entry.last_reply, entry.state) == ("4.2.1", "450 4.2.1 later", "active")
    address, detail = (await events(db, "deferred"))[-1]
    assert (address, detail["reply"], detail["remote"]) == (
        "later@example.net",
        "450 4.2.1 later",
        "mx.example.net",
    )


async def test_the_trail_tells_what_the_remote_said(queue: Queue, db: Database, enqueue: Enqueuer) -> None:
    await enqueue("sent@example.net")
    (row,) = await queue.claim(1)
    assert await queue.complete(row, remote="mx.example.net", reply="250 2.0.0 taken")
    assert ("sent@example.net", {"remote": "mx.example.net", "reply": "250 2.0.0 taken"}) in await events(
        db, "sent"
    )
