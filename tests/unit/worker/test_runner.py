"""The worker: jobs are leased, failures wait, and the process does its work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import Unavailable
from merpati.platform.events import JOBS, Bell
from merpati.platform.settings import Settings
from merpati.store import Flag, MailFiles, NewMessage, Store, provision
from merpati.store.context import Context
from merpati.store.erase import erase_accounts
from merpati_worker.jobs import JOBS as JOB_TABLE
from merpati_worker.jobs import Job
from merpati_worker.runner import Runner
from merpati_worker.statistics import analyze_grown
from tests.embedded import Service


@pytest.fixture
async def context(fresh_settings: Settings) -> AsyncIterator[Context]:
    database = Database(fresh_settings, "worker", max_size=3)
    await database.open()
    yield Context(database, MailFiles.of(fresh_settings), None, fresh_settings)
    await database.close()


def counting(name: str, calls: list[str], interval: float = 3600.0) -> Job:
    async def run(_context: Context, since: float | None) -> None:
        calls.append(f"{name} {'again' if since is not None else 'first'}")

    return Job(name, lambda _settings: interval, run, on_ring=True)


async def test_jobs_run_in_the_order_of_the_table_and_then_rest(context: Context) -> None:
    calls: list[str] = []
    runner = Runner(context, [counting("b", calls), counting("a", calls)])
    await runner.enter()
    while await runner.run_one():
        pass
    assert calls == ["b first", "a first"]


async def test_a_job_of_each_start_does_not_wait_for_its_time(context: Context) -> None:
    calls: list[str] = []
    jobs = [counting("rests", calls), replace(counting("restored", calls), at_start=True)]
    for _ in range(2):
        runner = Runner(context, jobs)
        await runner.enter()
        while await runner.run_one():
            pass
    assert calls == ["rests first", "restored first", "restored again"]


async def test_a_shorter_interval_holds_from_the_next_start(context: Context) -> None:
    calls: list[str] = []
    for interval in (3600.0, 0.0):
        runner = Runner(context, [counting("a", calls, interval)])
        await runner.enter()
        assert await runner.run_one()
    assert calls == ["a first", "a again"]


async def test_the_real_table_runs_through(context: Context) -> None:
    runner = Runner(context, JOB_TABLE)
    await runner.enter()
    while await runner.run_one():
        pass
    async with context.db.connection() as conn:
        cursor = await conn.execute("SELECT name FROM platform.jobs WHERE last_ran IS NULL")
        assert await cursor.fetchall() == []


async def test_a_job_is_run_by_one_worker_at_a_time(context: Context) -> None:
    started, release = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_context: Context, _since: float | None) -> None:
        started.release()
        await release.wait()

    runner, other = [Runner(context, [Job("slow", lambda _: 3600.0, slow)]) for _ in range(2)]
    await runner.enter()
    first = asyncio.create_task(runner.run_one())
    await started.acquire()
    assert not await other.run_one()
    async with context.db.connection() as conn:  # its worker dies, and the lease with it
        await conn.execute("UPDATE platform.jobs SET lease_until = now() - interval '1 second'")
    second = asyncio.create_task(other.run_one())
    await started.acquire()
    release.set()
    assert await first and await second


async def test_a_job_that_fails_is_tried_again_later(context: Context) -> None:
    async def fail(_context: Context, _since: float | None) -> None:
        raise Unavailable("the disk is away")

    calls: list[str] = []
    runner = Runner(context, [Job("bad", lambda _: 3600.0, fail), counting("good", calls)])
    await runner.enter()
    while await runner.run_one():
        pass
    assert calls == ["good first"]
    async with context.db.connection() as conn:
        cursor = await conn.execute(
            """SELECT last_error, last_ran IS NULL, next_at > now(), next_at < now() + interval '1 hour'
                 FROM platform.jobs WHERE name = 'bad'"""
        )
        assert await cursor.fetchone() == ("the disk is away", True, True, True)


async def test_the_bell_makes_jobs_due(context: Context, fresh_settings: Settings) -> None:
    calls: list[str] = []
    bell = Bell(fresh_settings)
    runner = Runner(Context(context.db, context.files, bell, fresh_settings), [counting("a", calls)])
    working = asyncio.create_task(runner.run())
    async with asyncio.timeout(20):
        while len(calls) < 1:
            await asyncio.sleep(0.01)
        while len(calls) < 2:
            bell.ring(JOBS)
            await asyncio.sleep(0.01)
    assert calls[:2] == ["a first", "a again"]
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await bell.close()


async def new_account(settings: Settings) -> int:
    owner = Database(settings, "owner", max_size=1)
    await owner.open()
    async with owner.transaction() as conn:
        cursor = await conn.execute(
            "INSERT INTO directory.accounts (address) VALUES ('tito@example.com') RETURNING id"
        )
        row = await cursor.fetchone()
        assert row is not None
        await provision(conn, row[0])
    await owner.close()
    return int(row[0])


MAIL = b"Subject: Halo\r\n\r\nApa kabar?\r\n"


async def test_a_deleted_account_is_erased_after_its_grace(
    context: Context, fresh_settings: Settings
) -> None:
    account = await new_account(fresh_settings)
    store = Store(context.db, context.files, None, fresh_settings)
    inbox = await store.mailbox(account, "INBOX")
    await store.append(account, inbox.id, [NewMessage(MAIL)] * 2)
    await store.move(account, inbox.id, [1], (await store.mailbox(account, "Trash")).id)
    assert await erase_accounts(context) == 0
    owner = Database(fresh_settings, "owner", max_size=1)
    await owner.open()
    async with owner.connection() as conn:
        await conn.execute("UPDATE directory.accounts SET deleted_at = now() - interval '29 days'")
        assert await erase_accounts(context) == 0
        await conn.execute("UPDATE directory.accounts SET deleted_at = now() - interval '31 days'")
        assert await erase_accounts(context) == 1
        for table in ("mail.accounts", "mail.emails", "mail.unlink_log", "directory.accounts"):
            cursor = await conn.execute(f"SELECT count(*) FROM {table}")
            assert await cursor.fetchone() == (0,)
    await owner.close()
    assert not context.files.account(account).exists()


async def test_the_process_mirrors_flags(
    context: Context, fresh_settings: Settings, services: Callable[..., Service]
) -> None:
    settings = fresh_settings.model_copy(update={"sweep_interval": 0.1})
    account = await new_account(settings)
    store = Store(context.db, context.files, None, settings)
    inbox = await store.mailbox(account, "INBOX")
    await store.append(account, inbox.id, [NewMessage(MAIL)])
    services("worker", settings)
    await store.store_flags(account, inbox.id, [1], "add", Flag.SEEN)
    folder = context.files.maildir(account) / "cur"
    async with asyncio.timeout(30):
        while [name[-4:] for name in os.listdir(folder)] != [":2,S"]:
            await asyncio.sleep(0.02)
    assert await store.read(account, inbox.id, 1) == MAIL


async def test_tables_that_grew_are_analyzed(context: Context, fresh_settings: Settings) -> None:
    await new_account(fresh_settings)
    async with context.db.connection() as conn:
        await conn.execute(
            "INSERT INTO platform.mail_events (trace_id, kind) SELECT n, 'x' FROM generate_series(1, 300) AS n"
        )
        await conn.execute("SELECT pg_stat_force_next_flush()")
        await conn.execute("SELECT 1")
    assert await analyze_grown(context) == 1
    async with context.db.connection() as conn:
        cursor = await conn.execute(
            "SELECT reltuples FROM pg_class WHERE oid = 'platform.mail_events'::regclass"
        )
        assert await cursor.fetchone() == (300,)
