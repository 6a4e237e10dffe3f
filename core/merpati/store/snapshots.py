"""One snapshot of a folder per process, shared by its sessions, and kept current from the change log."""

from __future__ import annotations

import asyncio
import itertools
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from merpati.platform.errors import NotFound
from merpati.platform.events import account_channel
from merpati.store import sql
from merpati.store.context import Context
from merpati.store.model import Mailbox, Snapshot
from merpati.store.ranges import parse_set

MAX_MESSAGES = 4_000_000  # in all cached snapshots: 18 bytes each
_MAILBOX_WIDTH = 15
_versions = itertools.count(1)


@dataclass(slots=True)
class _Entry:
    snapshot: Snapshot | None = None
    rung: int = 1  # rises with each ring
    seen: int = 0  # `rung` as it was before the last read
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def ring(self) -> None:
        self.rung += 1


class Snapshots:
    """The cache; least recently used folders leave it first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._entries: OrderedDict[tuple[int, int], _Entry] = OrderedDict()
        self._messages = 0

    async def get(self, account_id: int, mailbox_id: int) -> Snapshot:
        """The folder now; asks Postgres only where the account's bell rang since the last time."""
        key = (account_id, mailbox_id)
        entry = self._entries.get(key) or self._enter(key)
        self._entries.move_to_end(key)
        if self._context.bell is not None and entry.snapshot is not None and entry.seen == entry.rung:
            return entry.snapshot
        async with entry.lock:
            if self._context.bell is not None and entry.snapshot is not None and entry.seen == entry.rung:
                return entry.snapshot
            rung, before = entry.rung, entry.snapshot
            try:
                fresh = await self._read(key, before)
            except NotFound:
                self._leave(key)
                raise
            entry.snapshot, entry.seen = fresh, rung
            if self._entries.get(key) is entry:
                self._messages += len(fresh) - (len(before) if before else 0)
                self._make_room()
            return fresh

    async def _read(self, key: tuple[int, int], before: Snapshot | None) -> Snapshot:
        if before is not None:
            row = await self._row(sql.REFRESH, key, before.mailbox.modseq)
            after = apply(before, row)
            if after is not None:
                return after
        return cold(await self._row(sql.SNAPSHOT, key, 0))

    async def _row(self, query: str, key: tuple[int, int], since: int) -> tuple[Any, ...]:
        account_id, mailbox_id = key
        async with self._context.statement(account_id) as conn:
            cursor = conn.cursor(binary=True)
            await cursor.execute(query, {"account": account_id, "mailbox": mailbox_id, "since": since})
            row = await cursor.fetchone()
        if row is None:
            raise NotFound("no such folder")
        return row

    def _enter(self, key: tuple[int, int]) -> _Entry:
        entry = self._entries[key] = _Entry()
        self._context.listeners[key[0]].add(entry.ring)
        if self._context.bell is not None:
            self._context.bell.watch(account_channel(key[0]), entry.ring)
        return entry

    def _leave(self, key: tuple[int, int]) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._messages -= len(entry.snapshot) if entry.snapshot else 0
        listeners = self._context.listeners[key[0]]
        listeners.discard(entry.ring)
        if not listeners:
            del self._context.listeners[key[0]]
        if self._context.bell is not None:
            self._context.bell.unwatch(account_channel(key[0]), entry.ring)

    def _make_room(self) -> None:
        while self._messages > MAX_MESSAGES and len(self._entries) > 1:
            self._leave(next(iter(self._entries)))


def mailbox_of(row: tuple[Any, ...]) -> Mailbox:
    """The mailbox at the start of a row of `sql.MAILBOX_COLUMNS`."""
    return Mailbox(*row[:_MAILBOX_WIDTH])


def cold(row: tuple[Any, ...]) -> Snapshot:
    """A snapshot from a row of `sql.SNAPSHOT`."""
    uids, flags, modseqs, words = _messages(row)
    return Snapshot(mailbox_of(row), uids, flags, modseqs, words, next(_versions))


def apply(before: Snapshot, row: tuple[Any, ...]) -> Snapshot | None:
    """`before` brought up to a row of `sql.REFRESH`; None where the log does not reach back."""
    mailbox, old = mailbox_of(row), before.mailbox
    if mailbox.uidvalidity != old.uidvalidity or mailbox.floor > old.modseq or mailbox.modseq < old.modseq:
        return None
    if mailbox.modseq == old.modseq:
        if mailbox == old:
            return before
        return Snapshot(mailbox, before.uids, before.flags, before.modseqs, before.keywords, next(_versions))
    changed, new_flags, new_modseqs, new_words = _messages(row)
    if changed == before.uids and not row[-1]:  # a STORE on everything
        return Snapshot(mailbox, before.uids, new_flags, new_modseqs, new_words, next(_versions))
    uids, flags, modseqs = before.uids[:], before.flags[:], before.modseqs[:]
    words = dict(before.keywords)
    for low, high in parse_set(row[-1]) if row[-1] else ():
        start, end = bisect_left(uids, low), bisect_right(uids, high)
        for uid in uids[start:end]:
            words.pop(uid, None)
        del uids[start:end], flags[start:end], modseqs[start:end]
    for uid, mask, modseq in zip(changed, new_flags, new_modseqs, strict=True):
        at = bisect_left(uids, uid)
        if at == len(uids) or uids[at] != uid:
            uids.insert(at, uid)
            flags.insert(at, mask)
            modseqs.insert(at, modseq)
        else:
            flags[at], modseqs[at] = mask, modseq
        words.pop(uid, None)
    words.update(new_words)
    if len(uids) != mailbox.exists:
        return None
    return Snapshot(mailbox, uids, flags, modseqs, words, next(_versions))


def _messages(
    row: tuple[Any, ...],
) -> tuple[array[int], array[int], array[int], Mapping[int, frozenset[str]]]:
    uids, flags, modseqs, word_uids, word_lists = row[_MAILBOX_WIDTH : _MAILBOX_WIDTH + 5]
    words = {
        uid: frozenset(words.split(" ")) for uid, words in zip(word_uids or (), word_lists or (), strict=True)
    }
    return _array("Q", uids), _array("H", flags), _array("Q", modseqs), words


def _array(typecode: str, data: bytes | None) -> array[int]:
    numbers = array(typecode, data or b"")
    if sys.byteorder == "little":  # Postgres sends network order
        numbers.byteswap()
    return numbers
