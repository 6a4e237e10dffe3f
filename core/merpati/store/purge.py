"""Removal, of what the unlink log names and nothing else: files after their grace, then rows nobody needs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import Any

from merpati.platform.telemetry import get_logger
from merpati.store import durable
from merpati.store.blobs import MailFiles
from merpati.store.context import Context

log = get_logger(__name__)
_BATCH = 500
_SPOOL_AGE = 36 * 3600  # as for Maildir's tmp: nothing is received for longer

# A live message of the same name (an undelete, an older database) keeps its file.
_DUE = """SELECT l.id, l.account_id, l.file_dir, l.dir, l.base, l.mirrored FROM mail.unlink_log l
 WHERE l.due <= now() AND NOT EXISTS (
       SELECT FROM mail.mailbox_messages m
        WHERE m.account_id = l.account_id AND m.email_id = l.email_id AND m.base = l.base)
 ORDER BY l.due LIMIT %s FOR UPDATE SKIP LOCKED"""
_FORGET = """WITH gone AS (DELETE FROM mail.unlink_log WHERE id = ANY (%s) RETURNING id, account_id, email_id)
DELETE FROM mail.emails e USING gone g
 WHERE e.account_id = g.account_id AND e.id = g.email_id
   AND NOT EXISTS (SELECT FROM mail.mailbox_messages m WHERE m.account_id = e.account_id AND m.email_id = e.id)
   AND NOT EXISTS (SELECT FROM mail.unlink_log l
                    WHERE l.account_id = e.account_id AND l.email_id = e.id AND l.id <> ALL (%s))"""


async def purge_due(context: Context) -> int:
    """Remove the files whose grace is over; returns how many."""
    count = 0
    while True:
        async with context.db.transaction() as conn:
            cursor = await conn.execute(_DUE, (_BATCH,))
            found = await cursor.fetchall()
            removed = await asyncio.to_thread(_unlink, context.files, found)
            await conn.execute(_FORGET, (removed, removed))
        count += len(removed)
        if len(removed) < _BATCH:  # all done, or some failed: the next run tries again
            return count


def _unlink(files: MailFiles, found: list[tuple[Any, ...]]) -> list[int]:
    removed = []
    listed: dict[tuple[int, str], dict[str, str]] = {}
    for log_id, account_id, directory, origin, base, mirrored in found:
        name = files.name(account_id, directory, base, mirrored)
        try:
            if not os.path.exists(name):  # under other flags, or gone already
                key = (account_id, directory)
                if key not in listed:
                    listed[key] = files.names_by_base(account_id, directory)
                name = listed[key].get(base, name)
            durable.remove([name, files.name(account_id, origin, base, mirrored)])
        except OSError as error:
            log.error("file not removed", file=name, error=error.strerror)
            continue
        removed.append(log_id)
    return removed


async def trim_changes(context: Context) -> int:
    """Forget changes older than `change_log_retention`; each folder's floor says so to QRESYNC and CONDSTORE."""
    async with context.db.transaction() as conn:
        cursor = await conn.execute(
            """WITH old AS (
                   DELETE FROM mail.changes WHERE at < now() - make_interval(secs => %s)
                   RETURNING account_id, mailbox_id, modseq)
               SELECT account_id, mailbox_id, max(modseq), count(*) FROM old GROUP BY 1, 2 ORDER BY 1, 2""",
            (context.settings.change_log_retention,),
        )
        count = 0
        for account_id, mailbox_id, floor, rows in await cursor.fetchall():
            await conn.execute(
                "SELECT FROM mail.accounts WHERE account_id = %s FOR NO KEY UPDATE", (account_id,)
            )
            await conn.execute(
                "UPDATE mail.mailboxes SET floor = greatest(floor, %s) WHERE account_id = %s AND id = %s",
                (floor, account_id, mailbox_id),
            )
            count += rows
    return count


async def trim_events(context: Context) -> int:
    """Forget the trails of messages older than `event_retention`."""
    async with context.db.connection() as conn:
        cursor = await conn.execute(
            "DELETE FROM platform.mail_events WHERE at < now() - make_interval(secs => %s)",
            (context.settings.event_retention,),
        )
    return cursor.rowcount


async def sweep_spool(context: Context) -> int:
    """Remove what was left half received in `spool/tmp`; what was accepted has other names."""
    return await asyncio.to_thread(_sweep, context.files.spool_tmp, time.time() - _SPOOL_AGE)


def _sweep(folder: str, before: float) -> int:
    count = 0
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_ctime < before:
                    os.unlink(entry.path)
                    count += 1
    return count
