"""STORE and EXPUNGE: one statement each, for any number of messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from merpati.store import sql
from merpati.store.context import Context
from merpati.store.flags import Flag, check_keywords
from merpati.store.model import Expunged, FlagsStored
from merpati.store.ranges import EVERYTHING, ranges

Mode = Literal["set", "add", "remove"]


async def store_flags(
    context: Context,
    account_id: int,
    mailbox_id: int,
    uids: Iterable[int],
    mode: Mode,
    flags: Flag,
    keywords: frozenset[str],
    unchanged_since: int | None,
) -> FlagsStored:
    """Change flags and keywords of those of `uids` that exist."""
    check_keywords(keywords)
    arguments = (
        account_id,
        mailbox_id,
        *ranges(uids),
        mode,
        int(flags),
        sorted(keywords),
        unchanged_since,
    )
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(sql.STORE_FLAGS, arguments, binary=True)
        row = await cursor.fetchone()
    if row is None:
        return FlagsStored(0)
    if row[1]:
        context.changed(account_id)
    return FlagsStored(*row)


async def expunge(
    context: Context,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int] | None,
    *,
    only_deleted: bool,
) -> Expunged:
    """Remove messages that have \\Deleted (or all that are named); their files stay for the grace."""
    los, his = EVERYTHING if uids is None else ranges(uids)
    mask = int(Flag.DELETED) if only_deleted else 0
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(
            sql.EXPUNGE, (account_id, mailbox_id, los, his, mask, context.grace), binary=True
        )
        row = await cursor.fetchone()
    if row is None:
        return Expunged(0, [])
    if row[1]:
        context.changed(account_id)
    return Expunged(*row)
