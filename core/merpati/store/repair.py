"""Repair: one account, or all, compared with the disk and put right; the worker's sweep and `merpati check`."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from merpati.platform.telemetry import get_logger
from merpati.store.adopt import adopt
from merpati.store.context import Context
from merpati.store.counters import recount
from merpati.store.findings import Findings
from merpati.store.folder_rows import lock
from merpati.store.heal import heal
from merpati.store.inventory import Inventory, list_disk, read_rows
from merpati.store.renames import settle

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """How far a comparison goes."""

    min_age: float  # unknown files younger than this are left: their rows may be on the way
    counts: bool = True


async def accounts(context: Context) -> list[int]:
    """Every account that has mail rows."""
    async with context.db.connection() as conn:
        cursor = await conn.execute("SELECT account_id FROM mail.accounts ORDER BY account_id")
        return [account_id for (account_id,) in await cursor.fetchall()]


async def compare_all(context: Context, scope: Scope, findings: Findings) -> None:
    """Every account, and the folders of none."""
    known = await accounts(context)
    for account_id in known:
        try:
            await compare(context, account_id, scope, findings)
        except OSError as error:  # one account's unreadable file must not keep the others from repair
            findings.add("unreadable", account_id, str(error))
    for stranger in await asyncio.to_thread(_strangers, context.files.accounts, set(map(str, known))):
        findings.add("stranger", None, stranger)  # an account made after the backup: left as it is


async def compare(context: Context, account_id: int, scope: Scope, findings: Findings) -> None:
    """One account: outstanding renames, names, missing and unknown files, counts; in this order."""
    async with context.db.transaction() as conn:
        await lock(conn, account_id)
        cursor = await conn.execute("SELECT old_dir FROM mail.renames WHERE account_id = %s", (account_id,))
        for (directory,) in await cursor.fetchall():
            findings.add("rename", account_id, directory)
        if findings.repair:
            await settle(conn, context.files, account_id)
    inventory = await take(context, account_id)
    await heal(context, inventory, findings)
    await adopt(context, inventory, findings, scope.min_age)
    if scope.counts:
        await recount(context, account_id, findings)


async def take(context: Context, account_id: int) -> Inventory:
    """An account's inventory: the disk first, then the rows."""
    inventory = Inventory(account_id, await asyncio.to_thread(list_disk, context.files, account_id))
    async with context.db.transaction() as conn:
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await read_rows(conn, inventory)
    return inventory


def _strangers(folder: os.PathLike[str], known: set[str]) -> list[str]:
    if not os.path.isdir(folder):
        return []
    return sorted(entry.path for entry in os.scandir(folder) if entry.name not in known)
