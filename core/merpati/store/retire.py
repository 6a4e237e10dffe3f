"""Retiring: expunged files leave their folders, so that a program that opens the Maildir does not show them."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from merpati.store import durable
from merpati.store.blobs import EXPUNGED, MailFiles
from merpati.store.context import Context

_BATCH = 500
_WAITING = """SELECT id, account_id, dir, base, mirrored FROM mail.unlink_log
 WHERE NOT retired ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"""


async def retire(context: Context) -> int:
    """Move what was expunged into the account's `expunged`, where it waits for its removal; returns how many."""
    count = 0
    while True:
        # Like the flag mirror: second name, row, then away with the first. A first name that a crash
        # leaves is still the unlink log's, and goes with the second when the grace is over.
        async with context.db.transaction() as conn:
            found = await (await conn.execute(_WAITING, (_BATCH,))).fetchall()
            stale = await asyncio.to_thread(_link, context.files, found)
            await conn.execute(
                "UPDATE mail.unlink_log SET retired = true WHERE id = ANY (%s)", ([row[0] for row in found],)
            )
        await asyncio.to_thread(durable.remove, stale)
        count += len(found)
        if len(found) < _BATCH:
            return count


def _link(files: MailFiles, found: list[tuple[Any, ...]]) -> list[str]:
    old_names = []
    listed: dict[tuple[int, str], dict[str, str]] = {}
    for _, account_id, directory, base, mirrored in found:
        old = files.name(account_id, directory, base, mirrored)
        new = files.name(account_id, EXPUNGED, base, mirrored)
        if not os.path.exists(old):  # under other flags, or missing: then the row alone is retired
            key = (account_id, directory)
            if key not in listed:
                listed[key] = files.names_by_base(account_id, directory)
            old = listed[key].get(base, "")
        if old and not os.path.exists(new):
            durable.link(old, new)
        if old:
            old_names.append(old)
    for folder in {str(files.maildir(account_id, EXPUNGED) / "cur") for _, account_id, *_ in found}:
        if os.path.isdir(folder):
            durable.sync_path(folder)
    return old_names
