"""Rows in the queue, and queues that claim them, for the tests of this room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.platform.trace import new_trace_id
from merpati.queue import ENQUEUE, NewQueueRow, Queue, QueueFiles, enqueue_arguments, new_file

MESSAGE = b"Message-ID: <1@example.com>\r\nSubject: Cuti\r\nFrom: tito@example.com\r\n\r\nHalo.\r\n"

Enqueue = Callable[..., Awaitable[list[int]]]


async def is_local(domain: str) -> bool:
    return domain == "example.com"


@pytest.fixture
def files(settings: Settings) -> QueueFiles:
    return QueueFiles(settings.mail_root)


@pytest.fixture
async def db(database: Callable[..., Awaitable[Database]]) -> Database:
    db = await database("outbound")
    async with db.connection() as conn:
        await conn.execute("DELETE FROM queue.messages")
    return db


@pytest.fixture
def queue(db: Database, files: QueueFiles, settings: Settings) -> Queue:
    return Queue(db, files, None, settings, is_local=is_local)


@pytest.fixture
def enqueue(db: Database, files: QueueFiles, settings: Settings) -> Enqueue:
    """Enter a row (or rows) with their files; gives the ids."""

    async def enter(*recipients: str, **fields: object) -> list[int]:
        trace_id = str(fields.pop("trace_id", "") or new_trace_id())
        content = fields.pop("content", MESSAGE)
        lifetime = fields.pop("lifetime", settings.queue_lifetime)
        assert isinstance(content, bytes)
        assert isinstance(lifetime, float)
        rows = []
        for recipient in recipients:
            values = {
                "trace_id": trace_id,
                "kind": "remote",
                "account_id": 1,
                "sender": "tito@example.com",
                "recipient": recipient,
                "original_recipient": None,
                "file": new_file(trace_id),
                "prefix_len": 0,
                "size": len(content),
                "eightbit": not content.isascii(),
                **fields,
            }
            row = NewQueueRow(**values)  # type: ignore[arg-type]
            files.write(row.file, content)
            rows.append(row)
        async with db.connection() as conn:
            result = await conn.execute(f"SELECT {ENQUEUE}", enqueue_arguments(rows, lifetime))
            found = await result.fetchone()
        assert found is not None
        return list(found[0])

    return enter
