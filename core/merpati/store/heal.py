"""Bringing rows and file names together again: two names of one file, other flags, a file in another folder."""

from __future__ import annotations

import asyncio
import os

from merpati.platform.db import Connection
from merpati.store import durable
from merpati.store.blobs import MailFiles
from merpati.store.context import Context
from merpati.store.findings import Findings
from merpati.store.flags import split_name
from merpati.store.folder_rows import lock
from merpati.store.inventory import Inventory, Key, Row
from merpati.store.lost import put_aside


async def heal(context: Context, inventory: Inventory, findings: Findings) -> None:
    """Repair (or only report) what `inventory` shows, except unknown files."""
    misnamed = inventory.misnamed(context.files)
    for key in misnamed:
        findings.add("misnamed", inventory.account_id, inventory.disk[key][0])
    missing = inventory.missing()
    elsewhere = await asyncio.to_thread(_by_base, context.files, inventory)
    for key in missing:
        kind = "displaced" if key[1] in elsewhere else "missing"
        findings.add(kind, inventory.account_id, f"{key[0] or 'INBOX'}/{key[1]}")
    if not findings.repair:
        return
    async with context.db.transaction() as conn:
        await lock(conn, inventory.account_id)
        for key in misnamed:
            await _settle_name(conn, context.files, inventory, key)
        for key in missing:
            if key[1] in elsewhere:
                await _bring_back(conn, context.files, inventory, key, elsewhere[key[1]])


def _by_base(files: MailFiles, inventory: Inventory) -> dict[str, str]:
    """Files that no row names, by identity: a folder renamed after the backup, or put aside in lost+found."""
    found: dict[str, str] = {}
    for folder, _, names in os.walk(files.lost_and_found(inventory.account_id)):
        for name in names:
            found[split_name(name)[0]] = os.path.join(folder, name)
    for key in inventory.unknown():
        found[key[1]] = inventory.disk[key][0]
    return found


async def _settle_name(conn: Connection, files: MailFiles, inventory: Inventory, key: Key) -> None:
    row = await _row_now(conn, inventory, key)
    if row is None:
        return
    mirrored = await asyncio.to_thread(_one_name, files, inventory, key, row.mirrored)
    if mirrored != row.mirrored:
        await conn.execute(
            """UPDATE mail.mailbox_messages SET mirrored = %s
                WHERE account_id = %s AND mailbox_id = %s AND uid = %s""",
            (mirrored, inventory.account_id, row.mailbox_id, row.uid),
        )


def _one_name(files: MailFiles, inventory: Inventory, key: Key, mirrored: int) -> int:
    """The row's name stays; where there is none, the file keeps its flags, and the row takes them as mirrored."""
    account_id = inventory.account_id
    wanted = files.name(account_id, *key, mirrored)
    paths = [path for path in inventory.disk[key] if os.path.exists(path)]
    if paths and not os.path.exists(wanted):
        mirrored = int(split_name(paths[0])[1])
        wanted = files.name(account_id, *key, mirrored)
        if paths[0] != wanted:  # in `new/`, or with letters of another program
            durable.rename(paths[0], wanted)
    for path in paths:
        if path == wanted or not os.path.exists(path):
            continue
        if os.path.samefile(path, wanted):
            durable.remove([path])
        else:
            put_aside(files, account_id, path)
    return mirrored


async def _bring_back(conn: Connection, files: MailFiles, inventory: Inventory, key: Key, path: str) -> None:
    row = await _row_now(conn, inventory, key)
    if row is not None:
        target = files.name(inventory.account_id, *key, row.mirrored)
        await asyncio.to_thread(_link, path, target)
        inventory.disk[key] = [target]


def _link(path: str, target: str) -> None:
    durable.link(path, target)
    durable.sync_path(os.path.dirname(target))


async def _row_now(conn: Connection, inventory: Inventory, key: Key) -> Row | None:
    """The row again, under the account's lock: it may have gone since the inventory."""
    row = inventory.rows[key]
    cursor = await conn.execute(
        """SELECT mirrored FROM mail.mailbox_messages
            WHERE account_id = %s AND mailbox_id = %s AND uid = %s AND base = %s""",
        (inventory.account_id, row.mailbox_id, row.uid, key[1]),
    )
    found = await cursor.fetchone()
    return None if found is None else Row(row.mailbox_id, row.uid, found[0])
