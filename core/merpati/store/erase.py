"""Erasing an account that was deleted, once its grace is over: its files, its rows, then the account itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from merpati.platform.telemetry import get_logger
from merpati.store import durable
from merpati.store.blobs import MailFiles
from merpati.store.context import Context
from merpati.store.repair import take

log = get_logger(__name__)

_TABLES = ("mailbox_messages", "unlink_log", "changes", "renames", "mailboxes", "emails", "accounts")


async def erase_accounts(context: Context) -> int:
    """Erase what is due; returns how many accounts."""
    async with context.db.connection() as conn:
        cursor = await conn.execute(
            "SELECT id FROM directory.accounts WHERE deleted_at < now() - make_interval(secs => %s) ORDER BY id",
            (context.settings.expunge_grace,),
        )
        due = [account_id for (account_id,) in await cursor.fetchall()]
    for account_id in due:
        await _erase(context, account_id)
    return len(due)


async def _erase(context: Context, account_id: int) -> None:
    inventory = await take(context, account_id)
    known = [
        path
        for key, paths in inventory.disk.items()
        if key in inventory.rows or key in inventory.gone
        for path in paths
    ]
    await asyncio.to_thread(durable.remove, known)
    left = await asyncio.to_thread(_remove_empty, context.files, account_id)
    async with context.db.transaction() as conn:
        await conn.execute("SELECT FROM mail.accounts WHERE account_id = %s FOR UPDATE", (account_id,))
        for table in _TABLES:
            await conn.execute(f"DELETE FROM mail.{table} WHERE account_id = %s", (account_id,))
        await conn.execute(
            "DELETE FROM directory.accounts WHERE id = %s AND deleted_at IS NOT NULL", (account_id,)
        )
    log.info("account erased", account_id=account_id, unknown_files_left=left)


def _remove_empty(files: MailFiles, account_id: int) -> int:
    """Remove the account's empty folders; files that nobody knew stay for the postmaster to see."""
    left = 0
    for folder, _, names in os.walk(files.account(account_id), topdown=False):
        left += len(names)
        if not names and not os.listdir(folder):
            Path(folder).rmdir()
    return left
