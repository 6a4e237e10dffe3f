"""What a postmaster sees and does, and what the sweep finds."""

from __future__ import annotations

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import Conflict, NotFound
from merpati.platform.settings import Settings
from merpati.queue import Failure, Filter, Queue, QueueFiles, new_file
from tests.queueing import Enqueuer


async def test_rows_are_listed_by_id_and_filtered(queue: Queue, enqueue: Enqueuer) -> None:
    ids = await enqueue("a@example.net", "b@example.org", "c@example.net", trace_id="one")
    await enqueue("iqbal@example.com", kind="local", account_id=2, trace_id="two")
    assert [entry.id for entry in await queue.list(limit=2)] == ids[:2]
    assert [entry.id for entry in await queue.list(Filter(trace_id="one"), after=ids[1])] == ids[2:]
    assert [entry.recipient for entry in await queue.list(Filter(domain="example.org"))] == ["b@example.org"]
    assert [entry.recipient for entry in await queue.list(Filter(account_id=2))] == ["iqbal@example.com"]
    assert await queue.list(Filter(held=True)) == []


async def test_a_held_row_is_not_claimed_until_it_is_released(queue: Queue, enqueue: Enqueuer) -> None:
    (row_id,) = await enqueue("a@example.net")
    assert (await queue.hold(row_id)).state == "held"
    assert await queue.claim(1) == []
    assert (await queue.release(row_id)).state == "queued"
    assert len(await queue.claim(1)) == 1


async def test_retry_makes_a_deferred_row_due(queue: Queue, enqueue: Enqueuer) -> None:
    (row_id,) = await enqueue("a@example.net")
    (row,) = await queue.claim(1)
    await queue.defer(row, Failure("4.4.1", "Nobody is there."))
    assert (await queue.get(row_id)).state == "deferred"
    assert await queue.claim(1) == []
    await queue.retry(row_id)
    assert len(await queue.claim(1)) == 1


async def test_a_deleted_row_is_gone_with_its_file_and_its_trail_says_so(
    queue: Queue, db: Database, files: QueueFiles, enqueue: Enqueuer
) -> None:
    (row_id,) = await enqueue("a@example.net", trace_id="deleted")
    (row,) = await queue.claim(1)
    with pytest.raises(Conflict, match="being sent"):
        await queue.delete(row_id)
    await queue.give_back()
    await queue.delete(row_id)
    assert not files.path(row.file).exists()
    with pytest.raises(NotFound):
        await queue.delete(row_id)
    async with db.connection() as conn:
        result = await conn.execute("SELECT kind FROM platform.mail_events WHERE trace_id = 'deleted'")
        assert await result.fetchall() == [("deleted",)]


async def test_old_files_without_a_row_go_to_lost_and_found(
    queue: Queue, db: Database, files: QueueFiles, settings: Settings, enqueue: Enqueuer
) -> None:
    await enqueue("a@example.net")
    unknown = new_file("unknown")
    files.write(unknown, b"nobody knows me\r\n")
    assert await queue.sweep() == 0  # a transaction may be about to name it
    refuge = settings.mail_root / "lost+found" / "queue" / files.path(unknown).name
    eager = Queue(db, files, None, settings.model_copy(update={"adopt_after": 0}))
    await eager.sweep()
    assert refuge.read_bytes() == b"nobody knows me\r\n"
    (row,) = await queue.claim(1)
    assert files.path(row.file).exists()
