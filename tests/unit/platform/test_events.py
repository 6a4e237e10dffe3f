"""The doorbell: rings reach other processes, and losing Redis costs a sweep, never a watcher."""

from __future__ import annotations

import asyncio
from pathlib import Path

from redis.asyncio import Redis

from merpati.platform.events import QUEUE, Bell, account_channel
from merpati.platform.settings import Settings
from tests.embedded import Cluster


async def connected(bell: Bell) -> asyncio.Task[None]:
    task = asyncio.create_task(bell.run())
    async with asyncio.timeout(20):
        while not bell.connected:
            await asyncio.sleep(0.01)
    return task


async def ended(bell: Bell, task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bell.close()


class Ear:
    """A watcher that can be waited for."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def __call__(self) -> None:
        self.heard.set()

    async def hears(self, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            await self.heard.wait()
        self.heard.clear()


async def test_a_ring_is_heard_in_another_process_and_in_our_own(settings: Settings, bell: Bell) -> None:
    other = Bell(settings)
    task = await connected(other)
    ours, theirs, strangers = Ear(), Ear(), Ear()
    bell.watch(account_channel(7), ours)
    other.watch(account_channel(7), theirs)
    bell.watch(account_channel(8), strangers)
    await theirs.hears()  # once on subscribing: something may have changed just before
    await ours.hears()
    await strangers.hears()
    bell.ring_accounts([7])
    await ours.hears(0)  # our own watchers hear at once ...
    await theirs.hears()
    other.ring_accounts([8])
    await strangers.hears()  # (what Redis sends us comes in order: the echo would have come before this)
    assert not ours.heard.is_set(), "... and not again when the ring comes back to us"
    await ended(other, task)


async def test_a_connection_that_died_meanwhile_costs_no_ring(settings: Settings, bell: Bell) -> None:
    ringer = Bell(settings)
    ear = Ear()
    bell.watch(QUEUE, ear)
    await ear.hears()
    ringer.ring(QUEUE)
    await ear.hears()
    async with Redis.from_url(settings.redis_endpoint) as redis:
        await redis.client_kill_filter(_type="normal", skipme=True)
    ringer.ring(QUEUE)
    await ear.hears(3)
    await ringer.close()


async def test_nobody_is_called_after_unwatch(bell: Bell) -> None:
    gone, stays = Ear(), Ear()
    for ear in (gone, stays):
        bell.watch(QUEUE, ear)
    await gone.hears()  # the first watcher subscribes
    stays.heard.clear()
    bell.unwatch(QUEUE, gone)
    bell.ring(QUEUE)
    await stays.hears()
    assert not gone.heard.is_set()


async def test_without_redis_watchers_are_called_at_every_sweep_and_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    cluster = Cluster()
    try:
        cluster.start()
        settings = cluster.new(tmp_path / "data").model_copy(update={"sweep_interval": 0.2})
        bell = Bell(settings)
        task = await connected(bell)
        ear = Ear()
        bell.watch(QUEUE, ear)
        await ear.hears()
        await asyncio.to_thread(cluster.stop_valkey)
        for _ in range(3):
            await ear.hears()
        assert not bell.connected
        bell.ring(QUEUE)  # does not raise, and our own watcher hears it
        await ear.hears()
        await asyncio.to_thread(cluster.start_valkey)
        async with asyncio.timeout(20):
            while not bell.connected:
                await asyncio.sleep(0.01)
        ear.heard.clear()
        other = Bell(settings)
        other.ring(QUEUE)
        await ear.hears()
        await other.close()
        await ended(bell, task)
    finally:
        cluster.close()
