"""COPY and MOVE: hard links first, one directory sync, one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from merpati.platform.errors import OutcomeUnknown, OverQuota, Unavailable
from merpati.platform.telemetry import get_logger
from merpati.store import sql
from merpati.store.blobs import unique_base
from merpati.store.context import Context
from merpati.store.flags import split_name
from merpati.store.mailboxes import one
from merpati.store.model import Copied, Mailbox
from merpati.store.ranges import ranges

log = get_logger(__name__)
_ATTEMPTS = 3  # folders may be renamed, and files by the flag mirror, while we link


@dataclass(slots=True)
class _Link:
    """One message's new name, and the old one it is made from."""

    uid: int
    base: str
    mirrored: int
    source: str
    target: str


async def copy(
    context: Context, account_id: int, source_id: int, uids: Sequence[int], target_id: int, *, move: bool
) -> Copied:
    """Copy or move those of `uids` that exist; all of them, or none with an error."""
    for attempt in range(_ATTEMPTS):
        target = await one(context, account_id, sql.MAILBOX_BY_ID, target_id)
        links = await _links(context, account_id, source_id, uids, target, searching=attempt > 0)
        if not links:
            return Copied(target.uidvalidity, [], [], target.modseq)
        missing = await asyncio.to_thread(
            context.files.link_now, [(link.source, link.target) for link in links]
        )
        if missing and attempt == 0:  # renamed by the flag mirror since we read the rows
            await context.files.discard(link.target for link in links)
            continue
        for position in reversed(missing):
            log.error("message file is missing", account_id=account_id, file=links.pop(position).source)
        status, uidvalidity, modseq, source_uids, target_uids = await _enter(
            context, account_id, source_id, target, links, move
        )
        if status == "over_quota":
            raise OverQuota("the mailbox is full")
        if status == "placed":
            context.changed(account_id)
            return Copied(uidvalidity, source_uids, target_uids, modseq)
    raise Unavailable("the folder is changing; try again")


async def _links(
    context: Context,
    account_id: int,
    source_id: int,
    uids: Sequence[int],
    target: Mailbox,
    *,
    searching: bool,
) -> list[_Link]:
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(sql.LOCATIONS, (*ranges(uids), account_id, source_id), binary=True)
        found = await cursor.fetchall()
    files = context.files
    names: dict[str, str] = {}
    if searching and found:
        names = await asyncio.to_thread(files.names_by_base, account_id, found[0][1])
    links = []
    for uid, directory, base, mirrored, size in found:
        source = names.get(base) or files.name(account_id, directory, base, mirrored)
        if searching and base in names:
            mirrored = int(split_name(source)[1])
        new = unique_base(size)
        links.append(_Link(uid, new, mirrored, source, files.name(account_id, target.dir, new, mirrored)))
    return links


async def _enter(
    context: Context, account_id: int, source_id: int, target: Mailbox, links: list[_Link], move: bool
) -> tuple[Any, ...]:
    arguments = (
        account_id,
        source_id,
        target.id,
        target.dir,
        [link.uid for link in links],
        [link.base for link in links],
        [link.mirrored for link in links],
        move,
        context.grace,
        context.settings.mailbox_size_limit,
    )
    entered: set[int] = set()
    try:
        async with context.statement(account_id) as conn:
            cursor = await conn.execute(sql.COPY, arguments, binary=True)
            row = await cursor.fetchone()
        assert row is not None
        entered.update(row[3])
    except OutcomeUnknown:
        raise  # the rows may be there: the links stay
    except Exception:
        await context.files.discard(link.target for link in links)
        raise
    await context.files.discard(link.target for link in links if link.uid not in entered)
    return row
