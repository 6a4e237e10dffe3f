"""APPEND: messages of a client, their files first, then their rows in one statement, all or none (RFC 3502)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from merpati.message import Summary, summarise
from merpati.platform.db import Connection
from merpati.platform.errors import NotFound, OutcomeUnknown, OverQuota
from merpati.platform.trace import new_trace_id
from merpati.store import names, sql
from merpati.store.blobs import FileWrite, read_file, translate, unique_base
from merpati.store.context import Context
from merpati.store.flags import check_keywords
from merpati.store.mailboxes import one
from merpati.store.model import Appended, NewMessage
from merpati.store.place import PLACE_SQL, Placed, Placement, place_arguments
from merpati.store.spool import SpooledFile

_ATTEMPTS = 3  # a folder may be renamed between the link and the lock
_BIG = 256 * 1024  # above this a summary is made off the loop


async def append(
    context: Context, account_id: int, mailbox_id: int, messages: Sequence[NewMessage]
) -> Appended:
    """Append to a folder; raises `Invalid`, `NotFound`, `OverQuota`, `DiskFull`, `Unavailable`."""
    summaries = await _summaries(messages)
    for attempt in range(_ATTEMPTS):
        directory = context.directories.get((account_id, mailbox_id)) if attempt == 0 else None
        if directory is None:
            directory = (await one(context, account_id, sql.MAILBOX_BY_ID, mailbox_id)).dir
        appended = await _append(context, account_id, mailbox_id, directory, messages, summaries)
        if appended is not None:
            return appended
    raise NotFound("no such folder")


async def append_to(context: Context, account_id: int, name: str, messages: Sequence[NewMessage]) -> Appended:
    """Append to the folder of that name; a folder met before costs no question, `mail.place` checks it."""
    name = names.normalise(name)
    summaries = await _summaries(messages)
    known = context.folders.get((account_id, name))
    if known is not None:
        appended = await _append(context, account_id, *known, messages, summaries)
        if appended is not None:
            return appended
    for _ in range(_ATTEMPTS):
        mailbox = await one(context, account_id, sql.MAILBOX_BY_NAME, name)
        appended = await _append(context, account_id, mailbox.id, mailbox.dir, messages, summaries)
        if appended is not None:
            context.remember_folder(account_id, name, mailbox.id, mailbox.dir)
            return appended
    raise NotFound("no such folder")


async def _summaries(messages: Sequence[NewMessage]) -> list[Summary]:
    for message in messages:
        check_keywords(message.keywords)
    return [await _summary(message) for message in messages]


async def _append(
    context: Context,
    account_id: int,
    mailbox_id: int,
    directory: str,
    messages: Sequence[NewMessage],
    summaries: Sequence[Summary],
) -> Appended | None:
    """None: the folder is no longer of this id in this directory; nothing was done."""
    placements = [
        placement(account_id, mailbox_id, directory, message, summary)
        for message, summary in zip(messages, summaries, strict=True)
    ]
    writes = [
        FileWrite(
            SpooledFile(message.data, summary.size) if isinstance(message.data, Path) else message.data,
            [context.files.path(account_id, item.dir, item.base, item.flags)],
        )
        for message, item, summary in zip(messages, placements, summaries, strict=True)
    ]
    outcome = await _enter(context, account_id, writes, placements)
    if any(item.status == "over_quota" for item in outcome):
        raise OverQuota("the mailbox is full")
    if not all(item.status == "placed" for item in outcome):
        return None
    context.changed(account_id)
    return _appended(outcome)


def placement(
    account_id: int, mailbox_id: int, directory: str, message: NewMessage, summary: Summary
) -> Placement:
    """The placement of a client's own message under a new name."""
    received = message.received_at or datetime.now(UTC).astimezone()
    offset = received.utcoffset()
    return Placement(
        account_id=account_id,
        mailbox_id=mailbox_id,
        dir=directory,
        base=unique_base(summary.size),
        summary=summary,
        file_size=summary.size,
        trace_id=new_trace_id(),
        received_at=received,
        received_offset=int(offset.total_seconds() // 60) if offset else 0,
        flags=message.flags,
        keywords=message.keywords,
    )


async def place(conn: Connection, placements: Sequence[Placement], default_quota: int) -> list[Placed]:
    """Run `mail.place` alone, in whatever transaction `conn` is in."""
    cursor = await conn.execute(PLACE_SQL, place_arguments(placements, default_quota), binary=True)
    return [Placed(*row) for row in await cursor.fetchall()]


class _RolledBack(Exception):
    """Ends the transaction of an append of which not all messages could be placed."""


async def _enter(
    context: Context, account_id: int, writes: Sequence[FileWrite], placements: Sequence[Placement]
) -> list[Placed]:
    await context.files.write(writes)
    outcome: list[Placed] = []
    try:
        single = len(placements) == 1
        async with context.statement(account_id) if single else context.transaction(account_id) as conn:
            outcome = await place(conn, placements, context.settings.mailbox_size_limit)
            if not all(item.status == "placed" for item in outcome):
                raise _RolledBack
    except OutcomeUnknown:
        raise  # the rows may be there: the files stay, and adoption sorts them out
    except Exception as error:
        await context.files.discard(target for write in writes for target in write.targets)
        if not isinstance(error, _RolledBack):
            raise
    return outcome


def _appended(outcome: Sequence[Placed]) -> Appended:
    first = outcome[0]
    assert first.uidvalidity is not None and first.modseq is not None
    return Appended(first.uidvalidity, [item.uid for item in outcome if item.uid is not None], first.modseq)


async def _summary(message: NewMessage) -> Summary:
    try:
        if isinstance(message.data, bytes):
            if len(message.data) <= _BIG:
                return summarise(message.data)
            return await asyncio.to_thread(summarise, message.data)
        return await asyncio.to_thread(_summarise_file, str(message.data))
    except OSError as error:
        raise translate(error) from error


def _summarise_file(path: str) -> Summary:
    return summarise(read_file(path))
