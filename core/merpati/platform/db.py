"""Postgres: one pool a process, under the service's own role, with our error tree at its edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg import errors as pg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from merpati.platform.errors import OutcomeUnknown, Unavailable
from merpati.platform.settings import Settings

# What means "Postgres cannot serve now" rather than "this statement is wrong": lost or refused
# connections, shutdown, no memory, no disk, no connection slot, and lock or serialisation failures.
_TEMPORARY = (
    pg.OperationalError,
    pg.InterfaceError,
    pg.AdminShutdown,
    pg.InsufficientResources,
    pg.TransactionRollback,
    pg.ReadOnlySqlTransaction,
)

# Every query here reads some rows by key. With the default random_page_cost, made for turning disks,
# the planner reads all of `emails` instead, for 500 of 10,000 messages: 8 ms where 0.9 suffice.
_OPTIONS = (
    "-c search_path=mail,queue,directory,platform,public -c idle_in_transaction_session_timeout=60000"
    " -c random_page_cost=1.1 -c jit=off"
)

Connection = AsyncConnection[tuple[Any, ...]]


def conninfo(settings: Settings, role: str) -> str:
    """The connection string of `role` (`owner` is the schema's owner); its password is a secret of `init`."""
    user = "merpati" if role == "owner" else f"merpati_{role}"
    return psycopg.conninfo.make_conninfo(
        host=settings.database_endpoint,
        port=settings.database_port,
        dbname=settings.database_name,
        user=user,
        password=settings.secret(f"postgres_{role}"),
        application_name=f"merpati-{role}",
        connect_timeout=3,
        options=_OPTIONS,
    )


class Database:
    """A pool of connections under one role.

    Every method raises `Unavailable` where Postgres cannot serve now, and `OutcomeUnknown` where the
    connection broke while something was being committed.
    """

    def __init__(self, settings: Settings, role: str, *, max_size: int = 10) -> None:
        self._timeout = settings.database_timeout
        self._checking: asyncio.Future[None] | None = None
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo(settings, role),
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=settings.database_timeout,
            reconnect_timeout=5,
            kwargs={"autocommit": True, "prepare_threshold": 2},
        )

    async def open(self) -> None:
        """Begin connecting. Does not wait: a service starts without Postgres and recovers with it."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit: each statement is a transaction of its own."""
        try:
            async with self._pool.connection(timeout=self._timeout) as conn:
                try:
                    yield conn
                except _TEMPORARY as error:
                    if conn.broken or conn.closed:
                        self._look_at_the_others()
                        raise OutcomeUnknown(f"database connection lost: {_brief(error)}") from error
                    raise Unavailable(f"database unavailable: {_brief(error)}") from error
        except PoolTimeout as error:
            self._look_at_the_others()
            raise Unavailable("database unavailable: no connection") from error

    def _look_at_the_others(self) -> None:
        """Where one connection broke the others have too: replace them now, not at their next use."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.ensure_future(self._check())

    async def _check(self) -> None:
        try:
            await self._pool.check()
        except (PoolTimeout, psycopg.Error):  # still down: the next request says so itself
            return

    @asynccontextmanager
    async def transaction(self, account_id: int | None = None) -> AsyncIterator[Connection]:
        """A transaction; with `account_id`, row-level security holds it to that account (the webmail's role)."""
        async with self.connection() as conn, conn.transaction():
            if account_id is not None:
                await conn.execute("SELECT set_config('merpati.account_id', %s, true)", (str(account_id),))
            yield conn


def _brief(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
