"""Folders: provision, list, create, delete, subscribe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.errors import UniqueViolation

from merpati.platform.db import Connection
from merpati.platform.errors import Conflict, Invalid, NotFound
from merpati.store import names, sql
from merpati.store.context import Context
from merpati.store.folder_rows import insert, lock
from merpati.store.model import SPECIAL_FOLDERS, Mailbox
from merpati.store.ranges import EVERYTHING
from merpati.store.renames import settle
from merpati.store.snapshots import mailbox_of
from merpati.store.watched import Key, Watched

MAX_FOLDERS = 10_000  # of one account: every LIST walks them all
MAX_CACHED = 200_000  # of all accounts that this process serves


async def provision(conn: Connection, account_id: int) -> None:
    """An account's mail rows and first folders, in the caller's transaction. The directories come with the mail."""
    await conn.execute("INSERT INTO mail.accounts (account_id) VALUES (%s)", (account_id,))
    for name, special_use in SPECIAL_FOLDERS:
        await conn.execute(
            """INSERT INTO mail.mailboxes (account_id, name, dir, special_use, uidvalidity)
               SELECT account_id, %s, %s, %s, uidvalidity FROM mail.accounts WHERE account_id = %s""",
            (name, names.to_dir(name), special_use, account_id),
        )


@dataclass(frozen=True, slots=True)
class Folders:
    """An account's folders at one moment."""

    by_name: Mapping[str, Mailbox]  # in the order of names
    by_id: Mapping[int, Mailbox]


def folders(context: Context) -> Watched[Folders]:
    """The folders of the accounts that this process serves: (account, 0)."""

    async def read(key: Key, _before: Folders | None) -> Folders:
        async with context.statement(key[0]) as conn:
            cursor = await conn.execute(sql.MAILBOXES, (key[0],), binary=True)
            found = [mailbox_of(row) for row in await cursor.fetchall()]
        return Folders({box.name: box for box in found}, {box.id: box for box in found})

    return Watched(context, read, lambda found: len(found.by_id) + 1, MAX_CACHED)


async def one(context: Context, account_id: int, query: str, key: object) -> Mailbox:
    """The folder that `query` finds by `key`; raises `NotFound`."""
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(query, (account_id, key), binary=True)
        row = await cursor.fetchone()
    if row is None:
        raise NotFound("no such folder")
    mailbox = mailbox_of(row)
    context.note_directory(account_id, mailbox.id, mailbox.dir)
    return mailbox


async def create(context: Context, account_id: int, name: str, special_use: str | None) -> Mailbox:
    """Make a folder and those above it (RFC 9051 6.3.4)."""
    name = names.normalise(name)
    try:
        async with context.transaction(account_id) as conn:
            await lock(conn, account_id)
            await settle(conn, context.files, account_id)
            await _check_count(conn, account_id)
            for parent in names.parents(name):
                await insert(conn, account_id, parent, None, or_keep=True)
            await insert(conn, account_id, name, special_use)
            cursor = await conn.execute(sql.MAILBOX_BY_NAME, (account_id, name), binary=True)
            row = await cursor.fetchone()
    except UniqueViolation as error:
        raise Conflict(f"the folder {name} exists") from error
    assert row is not None
    context.changed(account_id)
    return mailbox_of(row)


async def _check_count(conn: Connection, account_id: int) -> None:
    cursor = await conn.execute("SELECT count(*) FROM mail.mailboxes WHERE account_id = %s", (account_id,))
    row = await cursor.fetchone()
    if row is not None and row[0] >= MAX_FOLDERS:
        raise Invalid("too many folders")


async def delete(context: Context, account_id: int, name: str) -> None:
    """Remove a folder; its messages go to the unlink log, folders below it stay (RFC 9051 6.3.5)."""
    name = names.normalise(name)
    if name == names.INBOX:
        raise Invalid("INBOX cannot be deleted")
    async with context.transaction(account_id) as conn:
        await lock(conn, account_id)
        cursor = await conn.execute(
            "SELECT id FROM mail.mailboxes WHERE account_id = %s AND name = %s", (account_id, name)
        )
        row = await cursor.fetchone()
        if row is None:
            raise NotFound("no such folder")
        key = (account_id, row[0])
        await conn.execute(sql.EXPUNGE, (*key, *EVERYTHING, 0, context.grace))
        await conn.execute("DELETE FROM mail.changes WHERE account_id = %s AND mailbox_id = %s", key)
        await conn.execute("DELETE FROM mail.mailboxes WHERE account_id = %s AND id = %s", key)
    context.changed(account_id)


async def subscribe(context: Context, account_id: int, name: str, on: bool) -> None:
    """Subscribe or unsubscribe (RFC 9051 6.3.7)."""
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(
            "UPDATE mail.mailboxes SET subscribed = %s WHERE account_id = %s AND name = %s",
            (on, account_id, names.normalise(name)),
        )
    if cursor.rowcount == 0:
        raise NotFound("no such folder")
    context.changed(account_id)
