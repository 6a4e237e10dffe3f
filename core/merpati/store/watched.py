"""A cache of what Postgres says about accounts, read again only where the account's bell rang."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from merpati.platform.errors import NotFound
from merpati.platform.events import account_channel
from merpati.store.context import Context

Value = TypeVar("Value")
Key = tuple[int, int]
"""The account's id, and one within the account (0 where there is only one thing)."""


@dataclass(slots=True)
class _Entry(Generic[Value]):
    value: Value | None = None
    rung: int = 1  # rises with each ring
    seen: int = 0  # `rung` as it was before the last read
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def ring(self) -> None:
        self.rung += 1


class Watched(Generic[Value]):
    """Values by key; the least recently used leave when their weight in all passes `limit`.

    Without a bell nobody would say that something changed: then every `get` reads.
    """

    def __init__(
        self,
        context: Context,
        read: Callable[[Key, Value | None], Awaitable[Value]],
        weight: Callable[[Value], int],
        limit: int,
    ) -> None:
        self._context, self._read, self._weigh, self._limit = context, read, weight, limit
        self._entries: OrderedDict[Key, _Entry[Value]] = OrderedDict()
        self._weight = 0

    async def get(self, key: Key) -> Value:
        """The value now; concurrent readers of one key share one question."""
        entry = self._entries.get(key) or self._enter(key)
        self._entries.move_to_end(key)
        if (value := self._current(entry)) is not None:
            return value
        async with entry.lock:
            if (value := self._current(entry)) is not None:
                return value
            rung, before = entry.rung, entry.value
            try:
                fresh = await self._read(key, before)
            except NotFound:
                self._leave(key)
                raise
            entry.value, entry.seen = fresh, rung
            if self._entries.get(key) is entry:
                self._weight += self._weigh(fresh) - (0 if before is None else self._weigh(before))
                self._make_room()
            return fresh

    def forget(self, key: Key) -> None:
        """Read `key` again at its next use, though no bell rings for what changed."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.ring()

    def _current(self, entry: _Entry[Value]) -> Value | None:
        return entry.value if self._context.bell is not None and entry.seen == entry.rung else None

    def _enter(self, key: Key) -> _Entry[Value]:
        entry: _Entry[Value] = _Entry()
        self._entries[key] = entry
        self._context.listeners[key[0]].add(entry.ring)
        if self._context.bell is not None:
            self._context.bell.watch(account_channel(key[0]), entry.ring)
        return entry

    def _leave(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._weight -= 0 if entry.value is None else self._weigh(entry.value)
        listeners = self._context.listeners[key[0]]
        listeners.discard(entry.ring)
        if not listeners:
            del self._context.listeners[key[0]]
        if self._context.bell is not None:
            self._context.bell.unwatch(account_channel(key[0]), entry.ring)

    def _make_room(self) -> None:
        while self._weight > self._limit and len(self._entries) > 1:
            self._leave(next(iter(self._entries)))
