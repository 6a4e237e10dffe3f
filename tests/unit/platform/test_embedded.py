"""The fixtures themselves: fresh schema, roles that hold, a bell that rings between processes' connections."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from merpati.platform import events
from merpati.platform.settings import load
from tests.embedded import environment


async def test_database_has_the_schema_and_no_rows(database):
    db = await database("smtp")
    async with db.connection() as conn:
        cursor = await conn.execute("SELECT count(*) FROM mail.emails")
        assert await cursor.fetchone() == (0,)


async def test_role_may_not_read_credentials(database):
    db = await database("smtp")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.connection() as conn:
            await conn.execute("SELECT * FROM auth.passwords")


async def test_bell_rings_its_watcher(bell):
    rung = asyncio.Event()
    bell.watch(events.QUEUE, rung.set)
    bell.ring(events.QUEUE)
    await asyncio.wait_for(rung.wait(), 5)


def test_environment_gives_the_same_settings(settings, monkeypatch):
    for name, value in environment(settings).items():
        if name.startswith("MERPATI_"):
            monkeypatch.setenv(name, value)
    assert load().model_dump() == settings.model_dump()
