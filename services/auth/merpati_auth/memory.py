"""A bounded memory in which everything is forgotten after its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Memory(Generic[V]):
    """Values under digests; the longest unused go first when it is full."""

    def __init__(self, ttl: float, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._size = size
        self._clock = clock
        self._entries: dict[bytes, tuple[float, V]] = {}

    def recall(self, key: bytes, *, extend: bool = False) -> V | None:
        """What stands under `key`; `extend` begins its time anew."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._entries[key]
            return None
        if extend:
            self.remember(key, entry[1])
        return entry[1]

    def take(self, key: bytes) -> V | None:
        """What stands under `key`, forgetting it."""
        value = self.recall(key)
        self._entries.pop(key, None)
        return value

    def remember(self, key: bytes, value: V) -> None:
        self._entries.pop(key, None)
        while len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (self._clock() + self._ttl, value)
