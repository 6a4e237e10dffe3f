"""A small bounded cache of reads, dropped whole when the directory changes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ReadCache(Generic[K, V]):
    """Values read from Postgres, each for `ttl` seconds at most."""

    def __init__(self, ttl: float, size: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._size = size
        self._clock = clock
        self._entries: dict[K, tuple[float, V]] = {}
        self._generation = 0

    def drop(self) -> None:
        """Forget everything, what is being read at this moment included."""
        self._generation += 1
        self._entries.clear()

    async def get(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """The remembered value of `key`, else what `load` returns."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] > self._clock():
            return entry[1]
        generation = self._generation
        value = await load()
        if generation == self._generation:  # else it was read before the change that rang
            self._entries.pop(key, None)
            while len(self._entries) >= self._size:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (self._clock() + self._ttl, value)
        return value
