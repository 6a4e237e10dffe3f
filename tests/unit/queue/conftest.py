"""Rows in the queue, and queues that claim them, for the tests of this room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.queue import Queue, QueueFiles
from tests.queueing import Enqueuer


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
def enqueue(db: Database, settings: Settings) -> Enqueuer:
    return Enqueuer(db, settings)
