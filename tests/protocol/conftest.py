"""Fixtures of the protocol tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from tests.protocol.world import World


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the services run on: its TLS and back-pressure are not asyncio's."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def world(
    settings: Settings, database: Callable[..., Awaitable[Database]], bell: Bell
) -> AsyncIterator[World]:
    """Accounts and mail for one test; passwords may be sent in clear."""
    open_settings = settings.model_copy(update={"disable_plaintext_auth": False})
    yield World(open_settings, await database("owner"), bell)
