"""A process ends when it is told to, whatever its background does with a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from merpati.platform import service


async def test_a_swallowed_cancellation_is_repeated() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed == 2:
                    raise
                swallowed += 1

    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(30):
        await service.until(stop, stubborn())
    assert swallowed == 2


async def test_a_crash_in_the_background_ends_the_service() -> None:
    async def crash() -> None:
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        await service.until(asyncio.Event(), crash())
