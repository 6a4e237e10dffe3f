"""The database room: the error tree at its edge, one account at a time for the browser's role, recovery."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from merpati.platform.db import Database, conninfo
from merpati.platform.errors import OutcomeUnknown, Unavailable
from merpati.platform.settings import Settings
from tests.embedded import Cluster

Factory = Callable[..., Awaitable[Database]]


async def test_a_wrong_statement_is_a_bug_and_stays_one(database: Factory) -> None:
    db = await database("smtp")
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with db.connection() as conn:
            await conn.execute("SELECT 1 FROM no_such_table")


async def test_a_connection_lost_in_mid_statement_leaves_the_outcome_unknown(database: Factory) -> None:
    db = await database("smtp")
    with pytest.raises(OutcomeUnknown):
        async with db.connection() as conn:
            sleeping = asyncio.create_task(conn.execute("SELECT pg_sleep(30)"))
            await asyncio.sleep(
                0.05
            )  # until the statement is on its way; if it is not yet, the error is the same
            with socket.socket(fileno=os.dup(conn.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
            await sleeping
    async with db.connection() as conn:  # and the pool has another
        await conn.execute("SELECT 1")


async def test_a_statement_that_postgres_says_it_ended_did_not_happen(database: Factory) -> None:
    db, killer = await database("smtp"), await database("owner")
    with pytest.raises(Unavailable) as caught:
        async with db.connection() as conn, killer.connection() as other:
            sleeping = asyncio.create_task(conn.execute("SELECT pg_sleep(30)"))
            await asyncio.sleep(0)
            await other.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
            await sleeping
    assert not isinstance(caught.value, OutcomeUnknown)


async def test_a_transaction_that_fails_leaves_nothing(database: Factory) -> None:
    db = await database("owner")
    with pytest.raises(ValueError, match="mind"):
        async with db.transaction() as conn:
            await conn.execute("INSERT INTO directory.domains (name) VALUES ('gone.example')")
            raise ValueError("changed my mind")
    async with db.connection() as conn:
        cursor = await conn.execute("SELECT count(*) FROM directory.domains WHERE name = 'gone.example'")
        assert await cursor.fetchone() == (0,)


async def test_the_browsers_role_sees_the_account_of_its_transaction_and_no_other(database: Factory) -> None:
    owner, web = await database("owner"), await database("webmail")
    async with owner.connection() as conn:
        for name in ("tito", "iqbal"):
            await conn.execute(
                "INSERT INTO directory.accounts (address) VALUES (%s)", (f"{name}@example.com",)
            )
        cursor = await conn.execute("SELECT id FROM directory.accounts ORDER BY address")
        iqbal, tito = [row[0] for row in await cursor.fetchall()]

    async def seen(account_id: int | None) -> list[str]:
        async with web.transaction(account_id) as conn:
            cursor = await conn.execute("SELECT address FROM directory.accounts")
            return [row[0] for row in await cursor.fetchall()]

    assert await seen(tito) == ["tito@example.com"]
    assert await seen(iqbal) == ["iqbal@example.com"]
    assert await seen(None) == []  # nothing lingers on the connection from the transaction before
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with web.transaction(tito) as conn:
            await conn.execute("INSERT INTO mail.accounts (account_id) VALUES (%s)", (iqbal,))


@pytest.mark.parametrize("role", ["smtp", "outbound", "imap", "webmail", "worker"])
async def test_only_auth_reads_hashes(database: Factory, role: str) -> None:
    db = await database(role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.connection() as conn:
            await conn.execute("SELECT hash FROM auth.passwords")


@pytest.mark.parametrize("role", ["smtp", "outbound", "imap", "webmail"])
async def test_only_auth_writes_the_directory(database: Factory, role: str) -> None:
    db = await database(role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.transaction(1) as conn:
            await conn.execute("UPDATE directory.accounts SET role = 'postmaster'")


def test_trigrams_see_letters_beyond_ascii(settings: Settings) -> None:
    # With locale "C" they vanish silently, and with them every search for them.
    with psycopg.connect(conninfo(settings, "owner")) as conn:
        assert conn.execute("SELECT show_trgm('Łódź')").fetchone() != ([],)


async def test_postgres_away_is_a_temporary_error_and_its_return_is_enough(tmp_path: Path) -> None:
    cluster = Cluster()
    try:
        cluster.start()
        settings = cluster.new(tmp_path / "data").model_copy(update={"database_timeout": 0.5})
        db = Database(settings, "smtp", max_size=4)
        await db.open()

        async def ask() -> None:
            async with db.connection() as conn:
                await conn.execute("SELECT 1")

        await ask()
        await asyncio.to_thread(cluster.stop_postgres)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await ask()
        await asyncio.to_thread(cluster.start_postgres)
        async with asyncio.timeout(60):
            while True:
                try:
                    await ask()
                    break
                except Unavailable:
                    continue
        await asyncio.gather(*(ask() for _ in range(20)))  # no broken connection is left in the pool
        await db.close()
    finally:
        cluster.close()
