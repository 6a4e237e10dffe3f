"""Searching bodies by reading them: what needs no index, and what an index's answers are checked with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from merpati.search.text import contains, fold
from merpati.store import Store

_BATCH = 32  # messages handed to the thread at once
_BATCH_BYTES = 4 * 1024**2


async def scan(
    store: Store,
    account_id: int,
    mailbox_id: int,
    uids: Iterable[int],
    text: str,
    *,
    headers_too: bool = False,
) -> list[int]:
    """Those of `uids` whose text has `text` in it (SEARCH BODY; TEXT with `headers_too`), ascending."""
    needle = fold(text)
    if not needle:
        return sorted(uids)
    found: list[int] = []
    batch: list[tuple[int, bytes]] = []
    size = 0
    async for uid, data in store.messages(account_id, mailbox_id, uids):
        batch.append((uid, data))
        size += len(data)
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            found += await asyncio.to_thread(_matching, batch, needle, headers_too)
            batch, size = [], 0
    return found + await asyncio.to_thread(_matching, batch, needle, headers_too)


def _matching(batch: Sequence[tuple[int, bytes]], needle: str, headers_too: bool) -> list[int]:
    return [uid for uid, data in batch if contains(data, needle, headers_too=headers_too)]
