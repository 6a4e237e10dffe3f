"""A lane gathers while it is busy, answers everybody, and never forgets to start again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from merpati.delivery.lane import Entry, Lane
from merpati.platform.errors import Unavailable


class Work:
    """Remembers its batches; each waits for `go`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, batch: Sequence[Entry[int]]) -> None:
        self.batches.append([entry.item for entry in batch])
        await self.go.wait()
        for entry in batch:
            entry.answer(Unavailable("13") if entry.item == 13 else None)


async def test_what_waits_is_done_together() -> None:
    work = Work()
    lane = Lane(work, width=1, items=3, size=100)
    tasks = [asyncio.create_task(lane.do(0, 1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(lane.do(item, 1)) for item in range(1, 6)]
    await asyncio.sleep(0)
    work.go.set()
    await asyncio.gather(*tasks)
    assert work.batches == [[0], [1, 2, 3], [4, 5]]


async def test_size_bounds_a_batch_but_not_a_single_item() -> None:
    work = Work()
    work.go.set()
    lane = Lane(work, width=1, items=10, size=100)
    await asyncio.gather(*(lane.do(item, size) for item, size in enumerate((60, 60, 30, 500))))
    assert work.batches == [[0], [1, 2], [3]]


async def test_width_is_how_many_batches_run() -> None:
    work = Work()
    lane = Lane(work, width=2, items=1, size=0)
    tasks = [asyncio.create_task(lane.do(item, 1)) for item in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert work.batches == [[0], [1]]
    work.go.set()
    await asyncio.gather(*tasks)
    assert work.batches == [[0], [1], [2]]


async def test_one_failure_is_its_own() -> None:
    work = Work()
    work.go.set()
    lane = Lane(work, width=1, items=10, size=100)
    results = await asyncio.gather(*(lane.do(item, 1) for item in (12, 13, 14)), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), Unavailable, type(None)]


async def test_a_cancelled_caller_stops_nothing() -> None:
    work = Work()
    lane = Lane(work, width=1, items=10, size=100)
    impatient = asyncio.create_task(lane.do(1, 1))
    patient = asyncio.create_task(lane.do(2, 1))
    for _ in range(3):
        await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    work.go.set()
    await patient
    await lane.drain()
    assert work.batches == [[1, 2]]


async def test_a_lane_that_ran_dry_starts_again_at_any_moment() -> None:
    work = Work()
    work.go.set()
    lane = Lane(work, width=1, items=10, size=100)

    async def one_after_another() -> None:
        for item in range(100, 300):
            await lane.do(item, 1)
            if item % 3:
                await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await asyncio.gather(*(one_after_another() for _ in range(3)))
    assert sum(map(len, work.batches)) == 600
