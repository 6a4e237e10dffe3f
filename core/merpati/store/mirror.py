"""The flag mirror: brings file names after the rows' flags, without a moment in which a row names no file."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from merpati.platform.telemetry import get_logger
from merpati.store import durable
from merpati.store.context import Context
from merpati.store.folder_rows import lock

log = get_logger(__name__)
_BATCH = 200  # the account waits for these

_CHANGED_FOLDERS = """SELECT DISTINCT account_id, mailbox_id FROM mail.changes
 WHERE kind < 2 AND at > now() - make_interval(secs => %s) ORDER BY account_id, mailbox_id"""
_ALL_FOLDERS = """SELECT DISTINCT account_id, mailbox_id FROM mail.mailbox_messages
 WHERE flags <> mirrored ORDER BY account_id, mailbox_id"""
_DIFFERING = """SELECT m.uid, b.dir, m.base, m.mirrored, m.flags
  FROM mail.mailbox_messages m JOIN mail.mailboxes b ON b.account_id = m.account_id AND b.id = m.mailbox_id
 WHERE m.account_id = %s AND m.mailbox_id = %s AND m.uid > %s AND m.flags <> m.mirrored
 ORDER BY m.uid LIMIT %s"""
_MIRRORED = """UPDATE mail.mailbox_messages m SET mirrored = w.flags
  FROM unnest(%s::bigint[], %s::smallint[]) AS w(uid, flags)
 WHERE m.account_id = %s AND m.mailbox_id = %s AND m.uid = w.uid"""


@dataclass(slots=True)
class _Rename:
    uid: int
    flags: int
    old: str
    new: str


async def mirror_flags(context: Context, recent: float | None) -> int:
    """Mirror the folders that changed in the last `recent` seconds (None: all); returns how many names changed."""
    async with context.db.connection() as conn:
        cursor = await conn.execute(
            _ALL_FOLDERS if recent is None else _CHANGED_FOLDERS, None if recent is None else (recent,)
        )
        folders = await cursor.fetchall()
    return sum([await _mirror_folder(context, *folder) for folder in folders])


async def _mirror_folder(context: Context, account_id: int, mailbox_id: int) -> int:
    count, last = 0, 0
    while True:
        renames = await _batch(context, account_id, mailbox_id, last)
        if not renames:
            return count
        count, last = count + len(renames), renames[-1].uid


async def _batch(context: Context, account_id: int, mailbox_id: int, after: int) -> list[_Rename]:
    # Second name, row, then away with the first: a reader finds one of them at every moment. Linking is
    # done under the account's lock, so that `heal`, which removes second names, never meets it half done;
    # what a crash leaves are two names, of which the row's stays.
    async with context.db.transaction() as conn:
        await lock(conn, account_id)
        cursor = await conn.execute(_DIFFERING, (account_id, mailbox_id, after, _BATCH))
        renames = [
            _Rename(
                uid,
                flags,
                context.files.name(account_id, directory, base, mirrored),
                context.files.name(account_id, directory, base, flags),
            )
            for uid, directory, base, mirrored, flags in await cursor.fetchall()
        ]
        ready = await asyncio.to_thread(_link, renames)
        await conn.execute(
            _MIRRORED, ([item.uid for item in ready], [item.flags for item in ready], account_id, mailbox_id)
        )
    await asyncio.to_thread(durable.remove, [item.old for item in ready])
    return renames


def _link(renames: list[_Rename]) -> list[_Rename]:
    ready = []
    for item in renames:
        try:
            os.link(item.old, item.new)
        except FileExistsError:  # of a run that was cut short
            pass
        except OSError as error:  # moved, or missing: `heal` looks into it
            log.warning("file name not mirrored", file=item.old, error=error.strerror)
            continue
        ready.append(item)
    for directory in {os.path.dirname(item.new) for item in ready}:
        durable.sync_path(directory)
    return ready
