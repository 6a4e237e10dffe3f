"""What creating and renaming share: the account's lock, and a folder's new row."""

from __future__ import annotations

from merpati.platform.db import Connection
from merpati.platform.errors import NotFound
from merpati.store import names, sql


async def lock(conn: Connection, account_id: int) -> None:
    """Take the account's lock; raises `NotFound` where it has no mail."""
    cursor = await conn.execute(sql.LOCK_ACCOUNT, (account_id,))
    if await cursor.fetchone() is None:
        raise NotFound("no such account")


async def insert(
    conn: Connection,
    account_id: int,
    name: str,
    special_use: str | None,
    *,
    or_keep: bool = False,
    directory: str | None = None,
) -> None:
    """A folder's row, under the account's lock, with a UIDVALIDITY above all that the account ever gave.

    So a name that is made again never shows a client's cache the wrong messages (RFC 9051 2.3.1.1).
    """
    await conn.execute(
        f"""WITH given AS (
                UPDATE mail.accounts SET uidvalidity = greatest(extract(epoch FROM now())::bigint, uidvalidity + 1)
                 WHERE account_id = %s RETURNING uidvalidity)
            INSERT INTO mail.mailboxes (account_id, name, dir, special_use, uidvalidity)
            SELECT %s, %s, %s, %s, uidvalidity FROM given
            {"ON CONFLICT DO NOTHING" if or_keep else ""}""",
        (account_id, account_id, name, names.to_dir(name) if directory is None else directory, special_use),
    )
