"""The door over real Postgres, with a town of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from tests.town import Town, found_town


@pytest.fixture
async def town(settings: Settings, database: Callable[..., Awaitable[Database]]) -> AsyncIterator[Town]:
    yield await found_town(settings, await database("owner"), await database("smtp"))
