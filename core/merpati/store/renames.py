"""RENAME: rows first, then directories, so that a crash between the two is finished later and loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os

from psycopg.errors import UniqueViolation

from merpati.platform.db import Connection
from merpati.platform.errors import Conflict, Invalid, NotFound
from merpati.store import durable, names
from merpati.store.blobs import MailFiles, translate
from merpati.store.context import Context
from merpati.store.folder_rows import insert, lock


async def rename(context: Context, account_id: int, old: str, new: str) -> None:
    """Give a folder and those below it another name; INBOX is the caller's matter."""
    old, new = names.normalise(old), names.normalise(new)
    if new == names.INBOX or new.startswith(old + names.SEPARATOR):
        raise Invalid(f"{old} cannot become {new}")
    if new == old:
        raise Conflict(f"the folder {new} exists")
    try:
        async with context.transaction(account_id) as conn:
            await lock(conn, account_id)
            await settle(conn, context.files, account_id)
            await _rename_rows(conn, account_id, old, new)
    except UniqueViolation as error:
        raise Conflict(f"the folder {new}, or one below it, exists") from error
    async with context.transaction(account_id) as conn:
        await lock(conn, account_id)
        await settle(conn, context.files, account_id)
    context.changed(account_id)


async def _rename_rows(conn: Connection, account_id: int, old: str, new: str) -> None:
    cursor = await conn.execute(
        "SELECT id, name, dir FROM mail.mailboxes WHERE account_id = %s AND (name = %s OR starts_with(name, %s))",
        (account_id, old, old + names.SEPARATOR),
    )
    found = await cursor.fetchall()
    if not any(name == old for _, name, _ in found):
        raise NotFound("no such folder")
    for parent in names.parents(new):
        await insert(conn, account_id, parent, None, or_keep=True)
    for mailbox_id, name, directory in found:
        renamed = names.normalise(new + name[len(old) :])
        target = names.to_dir(renamed)
        await conn.execute(
            "UPDATE mail.mailboxes SET name = %s, dir = %s WHERE account_id = %s AND id = %s",
            (renamed, target, account_id, mailbox_id),
        )
        await conn.execute(
            "UPDATE mail.unlink_log SET dir = %s WHERE account_id = %s AND dir = %s",
            (target, account_id, directory),
        )
        await conn.execute(
            "INSERT INTO mail.renames (account_id, mailbox_id, old_dir, new_dir) VALUES (%s, %s, %s, %s)",
            (account_id, mailbox_id, directory, target),
        )


async def settle(conn: Connection, files: MailFiles, account_id: int) -> None:
    """Do the account's outstanding renames on disk, in their order, under its lock. May be repeated."""
    cursor = await conn.execute(
        "SELECT id, old_dir, new_dir FROM mail.renames WHERE account_id = %s ORDER BY id", (account_id,)
    )
    for rename_id, old, new in await cursor.fetchall():
        source, target = files.maildir(account_id, old), files.maildir(account_id, new)
        await asyncio.to_thread(_move_directory, str(source), str(target))
        await conn.execute("DELETE FROM mail.renames WHERE id = %s", (rename_id,))


async def settle_all(context: Context) -> int:
    """Finish the renames that a crash left half done, in every account."""
    async with context.db.connection() as conn:
        cursor = await conn.execute("SELECT DISTINCT account_id FROM mail.renames ORDER BY account_id")
        waiting = [account_id for (account_id,) in await cursor.fetchall()]
    for account_id in waiting:
        async with context.db.transaction() as conn:
            await lock(conn, account_id)
            await settle(conn, context.files, account_id)
    return len(waiting)


def _move_directory(source: str, target: str) -> None:
    try:
        if not os.path.isdir(source):
            return
        if os.path.isdir(target):
            _merge(source, target)
        else:
            os.rename(source, target)
        durable.sync_path(os.path.dirname(target))
    except OSError as error:
        raise translate(error) from error


def _merge(source: str, target: str) -> None:
    # Both exist where mail came for the new name before the directory was moved.
    for sub in ("cur", "new", "tmp"):
        folder = os.path.join(source, sub)
        if not os.path.isdir(folder):
            continue
        for name in os.listdir(folder):
            durable.rename(os.path.join(folder, name), os.path.join(target, sub, name))
        os.rmdir(folder)
        if os.path.isdir(os.path.join(target, sub)):
            durable.sync_path(os.path.join(target, sub))
    with contextlib.suppress(OSError):  # a foreign program's files stay where they are
        os.rmdir(source)
