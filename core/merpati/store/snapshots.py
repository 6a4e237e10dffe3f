"""One snapshot of a folder per process, shared by its sessions, and kept current from the change log."""

from __future__ import annotations

import itertools
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

from merpati.platform.errors import NotFound
from merpati.store import sql
from merpati.store.context import Context
from merpati.store.model import Mailbox, Snapshot
from merpati.store.ranges import parse_set
from merpati.store.watched import Key, Watched

MAX_MESSAGES = 4_000_000  # in all cached snapshots: 18 bytes each
_MAILBOX_WIDTH = 15
_versions = itertools.count(1)


def snapshots(context: Context) -> Watched[Snapshot]:
    """The process's snapshots, by account and folder."""

    async def read(key: Key, before: Snapshot | None) -> Snapshot:
        if before is not None:
            after = apply(before, await _row(context, sql.REFRESH, key, before.mailbox.modseq))
            if after is not None:
                return after
        return cold(await _row(context, sql.SNAPSHOT, key, 0))

    return Watched(context, read, lambda snapshot: len(snapshot) + 1, MAX_MESSAGES)


async def _row(context: Context, query: str, key: Key, since: int) -> tuple[Any, ...]:
    account_id, mailbox_id = key
    async with context.statement(account_id) as conn:
        cursor = conn.cursor(binary=True)
        await cursor.execute(query, {"account": account_id, "mailbox": mailbox_id, "since": since})
        row = await cursor.fetchone()
    if row is None:
        raise NotFound("no such folder")
    return row


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
