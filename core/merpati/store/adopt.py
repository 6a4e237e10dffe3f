"""Adoption: a file that no row names becomes a message of the folder it lies in, or goes to lost+found."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from merpati.message import normalise_line_ends, summarise
from merpati.platform.db import Connection
from merpati.platform.errors import Invalid
from merpati.platform.trace import new_trace_id
from merpati.store import durable, names
from merpati.store.append import place
from merpati.store.blobs import EXPUNGED, FileWrite, read_file, unique_base
from merpati.store.context import Context
from merpati.store.findings import Findings
from merpati.store.flags import split_name
from merpati.store.folder_rows import insert, lock
from merpati.store.inventory import Inventory, Key
from merpati.store.lost import put_aside
from merpati.store.place import Placement

_NO_LIMIT = 2**60  # the file takes its room already: quota is no reason to hide it
_SIZE = re.compile(r",S=(\d+)")
# Our own lines differ between two deliveries of one message, of which the first was never acknowledged.
_PREFIX = re.compile(rb"(?:(?:Return-Path|Delivered-To):[^\r\n]*\r?\n)*", re.IGNORECASE)
_TRACE = re.compile(rb"Received:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*", re.IGNORECASE)


async def adopt(context: Context, inventory: Inventory, findings: Findings, min_age: float) -> None:
    """Adopt the unknown files that are older than `min_age` seconds: a younger one's row may be on its way."""
    before = time.time() - min_age
    old = await asyncio.to_thread(_older, inventory, before)
    for key in old:
        if not findings.repair:
            findings.add("unknown", inventory.account_id, inventory.disk[key][0])
            continue
        async with context.db.transaction() as conn:
            await lock(conn, inventory.account_id)
            findings.add(*await _adopt_one(context, conn, inventory, key, findings))
    if old and findings.repair:
        context.changed(inventory.account_id)


def _older(inventory: Inventory, before: float) -> list[Key]:
    def age(path: str) -> float:
        try:
            status = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            return time.time()
        return max(status.st_ctime, status.st_mtime)  # a link that was just made is young

    return [key for key in inventory.unknown() if age(inventory.disk[key][0]) <= before]


async def _adopt_one(
    context: Context, conn: Connection, inventory: Inventory, key: Key, findings: Findings
) -> tuple[str, int, str]:
    account_id, (directory, base) = inventory.account_id, key
    path = inventory.disk[key][0]
    if not await asyncio.to_thread(os.path.exists, path) or await _has_row(conn, account_id, key):
        return "unknown", account_id, f"{path} (gone meanwhile)"
    received_at = datetime.fromtimestamp((await asyncio.to_thread(os.stat, path)).st_mtime, UTC)
    data = await asyncio.to_thread(read_file, path)
    size = _SIZE.search(base)
    if size is not None and int(size[1]) != len(data):
        # A write that a power cut ended: its row was never entered, nor its sender told that we have it.
        return "torn", account_id, await asyncio.to_thread(put_aside, context.files, account_id, path)
    summary = await asyncio.to_thread(summarise, data)
    mailbox_id = None if directory == EXPUNGED else await _mailbox(conn, account_id, directory)
    known = await _content_known(context, conn, account_id, data, summary.message_id)
    if known or mailbox_id is None:
        aside = await asyncio.to_thread(put_aside, context.files, account_id, path)
        return "known" if known else "folder", account_id, aside
    flags = split_name(path)[1]
    plain = normalise_line_ends(data)
    if plain != data or not base.isprintable():  # of another program; or a name that is no UTF-8
        base = unique_base(len(plain))
    target = context.files.path(account_id, directory, base, flags)
    if plain == data:
        await asyncio.to_thread(_rename, path, str(target))
    else:
        data, summary = plain, await asyncio.to_thread(summarise, plain)
        await context.files.write([FileWrite(plain, [target])])
        await asyncio.to_thread(put_aside, context.files, account_id, path)
    prefix = _PREFIX.match(data)
    await place(
        conn,
        [
            Placement(
                account_id=account_id,
                mailbox_id=mailbox_id,
                dir=directory,
                base=base,
                summary=summary,
                file_size=len(data),
                trace_id=new_trace_id(),
                prefix_len=prefix.end() if prefix else 0,
                received_at=received_at,
                flags=flags,
                quota_grace=_NO_LIMIT,
            )
        ],
        context.settings.mailbox_size_limit,
    )
    return "unknown", account_id, str(target)


async def _has_row(conn: Connection, account_id: int, key: Key) -> bool:
    cursor = await conn.execute(
        """SELECT EXISTS (SELECT FROM mail.mailbox_messages m
               JOIN mail.mailboxes b ON b.account_id = m.account_id AND b.id = m.mailbox_id
              WHERE m.account_id = %(account)s AND b.dir = %(dir)s AND m.base = %(base)s)
            OR EXISTS (SELECT FROM mail.unlink_log u
              WHERE u.account_id = %(account)s AND u.dir = %(dir)s AND u.base = %(base)s)""",
        {"account": account_id, "dir": key[0], "base": key[1].encode(errors="replace").decode()},
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def _mailbox(conn: Connection, account_id: int, directory: str) -> int | None:
    """The folder of a directory, made where it has no row; None where Postgres cannot hold the directory's name."""
    if not directory.isprintable():
        return None
    query = "SELECT id FROM mail.mailboxes WHERE account_id = %s AND dir = %s"
    row = await (await conn.execute(query, (account_id, directory))).fetchone()
    if row is None:
        name = await _free_name(conn, account_id, directory)
        for parent in names.parents(name):
            await insert(conn, account_id, parent, None, or_keep=True)
        await insert(conn, account_id, name, None, directory=directory)
        row = await (await conn.execute(query, (account_id, directory))).fetchone()
    assert row is not None
    return int(row[0])


async def _free_name(conn: Connection, account_id: int, directory: str) -> str:
    """The name that a directory stands for; where it stands for none, or another folder has it, one like it."""
    try:
        name = names.from_dir(directory)
    except Invalid:
        name = "Recovered/" + re.sub(r"[/.\\]+", " ", directory).strip()[:60]
    cursor = await conn.execute("SELECT name FROM mail.mailboxes WHERE account_id = %s", (account_id,))
    taken = {row[0] for row in await cursor.fetchall()}
    candidates = (name, *(f"{name} ({number})" for number in range(2, len(taken) + 3)))
    return next(names.normalise(candidate) for candidate in candidates if candidate not in taken)


async def _content_known(
    context: Context, conn: Connection, account_id: int, data: bytes, message_id: str | None
) -> bool:
    """Whether a live message of the account has this content, apart from our own trace lines."""
    condition = "e.message_id IS NULL AND e.size = %(size)s"
    if message_id:  # the hash is what the index has
        condition = """e.message_id = %(id)s::text
              AND hashtextextended(e.message_id, e.account_id) = hashtextextended(%(id)s, %(account)s)"""
    cursor = await conn.execute(
        f"""SELECT b.dir, m.base, m.mirrored FROM mail.emails e
             JOIN mail.mailbox_messages m ON m.account_id = e.account_id AND m.email_id = e.id
             JOIN mail.mailboxes b ON b.account_id = m.account_id AND b.id = m.mailbox_id
            WHERE e.account_id = %(account)s AND {condition} LIMIT 100""",
        {"account": account_id, "id": message_id, "size": len(data)},
    )
    paths = [context.files.name(account_id, *row) for row in await cursor.fetchall()]
    return await asyncio.to_thread(_any_equal, paths, _content(data))


def _any_equal(paths: Iterable[str], content: bytes) -> bool:
    for path in paths:
        try:
            if _content(read_file(path)) == content:
                return True
        except OSError:  # missing: then it is not kept there
            continue
    return False


def _content(data: bytes) -> bytes:
    start = 0
    for pattern in (_PREFIX, _TRACE):
        found = pattern.match(data, start)
        start = found.end() if found else start
    return data[start:]


def _rename(path: str, target: str) -> None:
    if path != target:
        durable.rename(path, target)
        durable.sync_path(os.path.dirname(target))
