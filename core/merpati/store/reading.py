"""Reading: columns of many messages in short ranges of UIDs, and the files themselves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import Any, TypeVar

from merpati.platform.errors import NotFound
from merpati.platform.telemetry import get_logger
from merpati.store import sql
from merpati.store.blobs import open_file, read_file, translate
from merpati.store.context import Context

log = get_logger(__name__)
T = TypeVar("T")

CHUNK = 500  # messages a statement: never a cursor held open for a slow client
_PIECE = 256 * 1024  # octets of `chunks`
_YIELD_EVERY = 16  # files read before other connections have their turn

_EMAIL = """trace_id thread_id size file_size codec prefix_len received_at received_offset sent_at sender
    recipient message_id reference_ids subject from_text to_text preview has_attachment envelope body
    bodystructure headers text_state""".split()
_MESSAGE = "uid email_id modseq save_date flags mirrored base keywords".split()
_LIVE = {
    **{name: f"e.{name}" for name in _EMAIL},
    **{name: f"m.{name}" for name in _MESSAGE},
    "dir": "(SELECT dir FROM mail.mailboxes WHERE account_id = %(account)s AND id = %(mailbox)s)",
}
# A message that was expunged while a session still shows it (RFC 2180 4.1.2).
_GONE = {
    **_LIVE,
    **{name: f"u.{name}" for name in ("uid", "email_id", "flags", "mirrored", "base")},
    "dir": "u.file_dir",
    "modseq": "0::bigint",
    "save_date": "u.expunged_at",
    "keywords": "'{}'::text[]",
}


async def rows(
    context: Context, account_id: int, mailbox_id: int, uids: Iterable[int], columns: Sequence[str]
) -> AsyncIterator[tuple[Any, ...]]:
    """`columns` of each message, ascending by UID; messages that never were are left out."""
    live, gone = _query(columns)
    wanted = sorted(set(uids))
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        found = await _fetch(context, live, account_id, mailbox_id, chunk)
        if len(found) < len(chunk):
            known = {row[0] for row in found}
            missing = [uid for uid in chunk if uid not in known]
            found += await _fetch(context, gone, account_id, mailbox_id, missing)
            found.sort(key=lambda row: row[0])
        for row in found:
            yield row[1:]


def _query(columns: Sequence[str]) -> tuple[str, str]:
    live = ", ".join(["m.uid", *(_LIVE[name] for name in columns)])
    gone = ", ".join(["u.uid", *(_GONE[name] for name in columns)])
    # No column of `emails` wanted: leave it out of the join.
    join = any(name in _EMAIL for name in columns)
    email = "JOIN mail.emails e ON e.account_id = {0}.account_id AND e.id = {0}.email_id" if join else ""
    where = (
        "{0}.account_id = %(account)s AND {0}.mailbox_id = %(mailbox)s AND {0}.uid BETWEEN %(lo)s AND %(hi)s"
    )
    return (
        f"SELECT {live} FROM mail.mailbox_messages m {email.format('m')} WHERE {where.format('m')}",
        f"SELECT {gone} FROM mail.unlink_log u {email.format('u')} WHERE {where.format('u')}",
    )


async def _fetch(
    context: Context, query: str, account_id: int, mailbox_id: int, chunk: Sequence[int]
) -> list[tuple[Any, ...]]:
    if not chunk:
        return []
    arguments: dict[str, Any] = {
        "account": account_id,
        "mailbox": mailbox_id,
        "lo": chunk[0],
        "hi": chunk[-1],
    }
    alias = "m" if "mailbox_messages m" in query else "u"
    if chunk[-1] - chunk[0] + 1 > 2 * len(chunk):  # sparse: name each
        query += f" AND {alias}.uid = ANY(%(uids)s::bigint[])"
        arguments["uids"] = list(chunk)
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(f"{query} ORDER BY {alias}.uid", arguments, binary=True)
        found = await cursor.fetchall()
    if len(found) > len(chunk):
        asked = set(chunk)
        found = [row for row in found if row[0] in asked]
    return found


async def messages(
    context: Context, account_id: int, mailbox_id: int, uids: Iterable[int]
) -> AsyncIterator[tuple[int, bytes]]:
    """Each message's UID and bytes, ascending; those whose file is gone are left out, and logged."""
    count = 0
    async for uid, directory, base, mirrored in rows(
        context, account_id, mailbox_id, uids, ("uid", "dir", "base", "mirrored")
    ):
        try:
            data = await read_at(context, account_id, mailbox_id, uid, (directory, base, mirrored))
        except NotFound:
            continue
        yield uid, data
        count += 1
        if count % _YIELD_EVERY == 0:
            await asyncio.sleep(0)


async def read_at(
    context: Context, account_id: int, mailbox_id: int, uid: int, place: tuple[str, str, int]
) -> bytes:
    """A message's bytes where its row's `dir`, `base` and `mirrored` were just read; else like `read`."""
    try:
        return read_file(context.files.name(account_id, *place))
    except OSError:  # renamed by the flag mirror meanwhile, or worse: `read` finds out
        return await read(context, account_id, mailbox_id, uid)


async def read(context: Context, account_id: int, mailbox_id: int, uid: int) -> bytes:
    """A message's bytes, also of one expunged meanwhile; raises `NotFound` where row or file is gone."""
    return await _with_file(context, account_id, mailbox_id, uid, read_file)


async def chunks(
    context: Context, account_id: int, mailbox_id: int, uid: int, start: int = 0, end: int | None = None
) -> AsyncGenerator[bytes, None]:
    """`read` in pieces, for a client that takes its time with a large message; `start` and `end` cut out a span."""
    descriptor = await _with_file(context, account_id, mailbox_id, uid, open_file)
    try:
        at, size = start, _piece_size(start, end)
        # Most messages are one piece, and read sooner than a thread wakes up.
        piece = os.pread(descriptor, size, at)
        while piece:
            yield piece
            at += len(piece)
            if len(piece) < size or at == end:
                return
            size = _piece_size(at, end)
            piece = await asyncio.to_thread(os.pread, descriptor, size, at)
    except OSError as error:
        raise translate(error) from error
    finally:
        os.close(descriptor)


def _piece_size(at: int, end: int | None) -> int:
    return _PIECE if end is None else min(_PIECE, max(end - at, 0))


async def _with_file(
    context: Context, account_id: int, mailbox_id: int, uid: int, use: Callable[[str], T]
) -> T:
    for _ in range(2):  # the flag mirror may rename the file between the row's read and the open
        directory, base, mirrored = await _location(context, account_id, mailbox_id, uid)
        try:
            return use(context.files.name(account_id, directory, base, mirrored))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise translate(error) from error
    return await _search(context, account_id, directory, base, use)


async def _location(context: Context, account_id: int, mailbox_id: int, uid: int) -> tuple[str, str, int]:
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(sql.LOCATION, {"account": account_id, "mailbox": mailbox_id, "uid": uid})
        row = await cursor.fetchone()
    if row is None:
        raise NotFound("no such message")
    return row[0], row[1], row[2]


async def _search(context: Context, account_id: int, directory: str, base: str, use: Callable[[str], T]) -> T:
    """Row and name have come apart (a crash, a restore): look through the folder, and where it was before."""
    async with context.statement(account_id) as conn:
        cursor = await conn.execute(sql.PENDING_DIRS, (account_id, directory))
        candidates = [directory, *(old for (old,) in await cursor.fetchall())]
    for candidate in candidates:
        names = await asyncio.to_thread(context.files.names_by_base, account_id, candidate)
        if base in names:
            try:
                return use(names[base])
            except OSError as error:
                raise translate(error) from error
    log.error("message file is missing", account_id=account_id, dir=directory, base=base)
    raise NotFound("the message's file is missing")
