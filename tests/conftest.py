"""Fixtures every test may use: embedded servers, settings over a fresh database, service processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from tests.embedded import Cluster, Service


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Postgres and Valkey of this test process (pytest-xdist: one each for every worker)."""
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def settings(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings over a database and a data directory that belong to this test module alone."""
    settings = cluster.new(tmp_path_factory.mktemp("data"))
    yield settings
    cluster.drop(settings.database_name)


@pytest.fixture
def fresh_settings(cluster: Cluster, tmp_path: Path) -> Iterator[Settings]:
    """Like `settings`, for one test alone."""
    settings = cluster.new(tmp_path / "data")
    yield settings
    cluster.drop(settings.database_name)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[Database]]]:
    """`db = await database("smtp")`: an opened Database under that role."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(role: str, settings: Settings = settings) -> Database:
            database = Database(settings, role, max_size=4)
            await database.open()
            stack.push_async_callback(database.close)
            return database

        yield make


@pytest.fixture
async def bell(settings: Settings) -> AsyncIterator[Bell]:
    """A Bell that listens."""
    bell = Bell(settings)
    task = asyncio.create_task(bell.run())
    async with asyncio.timeout(10):
        while not bell.connected:
            await asyncio.sleep(0.01)
    yield bell
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bell.close()


@pytest.fixture
def services(cluster: Cluster, settings: Settings) -> Iterator[Callable[..., Service]]:
    """`smtp = services("smtp")`: the real process, ready; ports are in `settings`."""
    with contextlib.ExitStack() as stack:

        def start(name: str, settings: Settings = settings) -> Service:
            service = Service(name, settings, cluster.home)
            stack.callback(service.close)
            return service.start()

        yield start
