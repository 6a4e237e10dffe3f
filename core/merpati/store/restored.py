"""A database restored from a backup beside newer files: noticed, and its UIDs and account ids made safe.

Such a database would give UIDs again that clients have seen for other messages, under the same
UIDVALIDITY (RFC 9051 2.3.1.1 forbids it), and account ids again whose folders are full. A counter is
raised in the database, then written beside the mail; a database that is behind the file is older.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from merpati.platform.db import Connection
from merpati.platform.telemetry import get_logger
from merpati.store import durable
from merpati.store.blobs import MailFiles
from merpati.store.context import Context

log = get_logger(__name__)
_FILE = "generation"

_NEW_UIDVALIDITIES = """
WITH given AS (
    UPDATE mail.accounts SET uidvalidity = greatest(extract(epoch FROM now())::bigint, uidvalidity + 1)
    RETURNING account_id, uidvalidity)
UPDATE mail.mailboxes b SET uidvalidity = g.uidvalidity, floor = b.modseq
  FROM given g WHERE b.account_id = g.account_id"""
_NEXT_ACCOUNT = """SELECT setval('directory.accounts_id_seq', greatest(%s,
    (SELECT last_value FROM directory.accounts_id_seq)))"""


async def note_generation(context: Context) -> bool:
    """Raise the counter; returns whether the database turned out to be a restored one, and was made safe."""
    async with context.db.transaction() as conn:
        cursor = await conn.execute("UPDATE platform.generation SET number = number + 1 RETURNING number")
        row = await cursor.fetchone()
        assert row is not None
        number = int(row[0])
        seen = await asyncio.to_thread(_read, context.files.root)
        restored = seen >= number
        accounts: list[int] = []
        if restored:
            number = seen + 1
            accounts = await _make_safe(conn, context.files, number)
    await asyncio.to_thread(_write, context.files.root, number)
    for account_id in accounts:
        context.changed(account_id)  # sessions that outlived the restore look again
    if restored:
        log.warning("an older database was restored: UIDVALIDITY of every folder was raised")
    return restored


async def _make_safe(conn: Connection, files: MailFiles, number: int) -> list[int]:
    cursor = await conn.execute("SELECT account_id FROM mail.accounts ORDER BY account_id FOR NO KEY UPDATE")
    accounts = [account_id for (account_id,) in await cursor.fetchall()]
    await conn.execute(_NEW_UIDVALIDITIES)
    await conn.execute("UPDATE platform.generation SET number = %s", (number,))
    highest = await asyncio.to_thread(_highest_account, files.accounts)
    if highest:
        await conn.execute(_NEXT_ACCOUNT, (highest,))
    return accounts


def _highest_account(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return max((int(name) for name in os.listdir(folder) if name.isdecimal()), default=0)


def _read(root: Path) -> int:
    try:
        return int((root / _FILE).read_text())
    except (FileNotFoundError, ValueError):  # new, or damaged: begin again
        return 0


def _write(root: Path, number: int) -> None:
    temporary = f"{root / _FILE}.{os.getpid()}"
    durable.remove([temporary])
    durable.make_directory(str(root)) if not root.is_dir() else None
    os.close(durable.create(temporary, (str(number).encode(),)))
    durable.rename(temporary, str(root / _FILE))
