"""A store over real Postgres, and accounts to put mail into."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.store import MailFiles, Store, provision

MakeAccount = Callable[..., Awaitable[int]]
_numbers = itertools.count(1)


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[Database]:
    """The database under its owner's role: nothing is hidden."""
    database = Database(settings, "owner", max_size=4)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def imap(settings: Settings) -> AsyncIterator[Database]:
    """The database under the role of a service that changes mail."""
    database = Database(settings, "imap", max_size=6)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def files(settings: Settings) -> MailFiles:
    return MailFiles.of(settings)


@pytest.fixture
def store(imap: Database, files: MailFiles, settings: Settings) -> Store:
    return Store(imap, files, None, settings)


@pytest.fixture
def new_account(owner: Database) -> MakeAccount:
    """`await new_account(quota=...)`: a new account's id."""

    async def make(quota: int | None = None) -> int:
        async with owner.transaction() as conn:
            cursor = await conn.execute(
                "INSERT INTO directory.accounts (address, quota) VALUES (%s, %s) RETURNING id",
                (f"user{next(_numbers)}@example.com", quota),
            )
            row = await cursor.fetchone()
            assert row is not None
            await provision(conn, row[0])
        return int(row[0])

    return make


@pytest.fixture
async def account(new_account: MakeAccount) -> int:
    return await new_account()
