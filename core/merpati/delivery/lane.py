"""A lane of work that gathers while it is busy: what waits together is done together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from merpati.platform.errors import MerpatiError

T = TypeVar("T")


@dataclass(slots=True)
class Entry(Generic[T]):
    """An item, and who waits for it."""

    item: T
    size: int
    future: asyncio.Future[None]

    def answer(self, error: MerpatiError | None) -> None:
        if self.future.done():  # whoever waited was cancelled
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


class Lane(Generic[T]):
    """Runs `work` on batches, up to `width` of them at a time; `work` answers every entry of its batch."""

    def __init__(
        self, work: Callable[[Sequence[Entry[T]]], Awaitable[None]], *, width: int, items: int, size: int
    ) -> None:
        self._work = work
        self._width = width
        self._items = items
        self._size = size
        self._waiting: deque[Entry[T]] = deque()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, item: T, size: int) -> None:
        """Have `item` done with the next batch. Once begun it goes on, whether its caller still waits or not."""
        entry = Entry(item, size, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._running < self._width:
            self._running += 1
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await entry.future

    async def drain(self) -> None:
        """Wait until nothing is waiting or in hand."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._work(self._take())
        finally:
            self._running -= 1  # in one step with having found nothing: nobody may come in between

    def _take(self) -> list[Entry[T]]:
        batch = [self._waiting.popleft()]
        size = batch[0].size
        while self._waiting and len(batch) < self._items:
            size += self._waiting[0].size
            if size > self._size:
                break
            batch.append(self._waiting.popleft())
        return batch
