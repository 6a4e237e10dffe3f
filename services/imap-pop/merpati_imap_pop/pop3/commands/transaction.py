"""The TRANSACTION state, and QUIT's UPDATE (RFC 1939 5, 6 and 7)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Final

from merpati.platform.errors import MerpatiError, Unavailable
from merpati.platform.telemetry import get_logger
from merpati_imap_pop.pop3.commands.context import Context, State
from merpati_imap_pop.pop3.replies import error, ok
from merpati_imap_pop.pop3.stuffing import Stuffer, Top

log = get_logger(__name__)

CHUNK: Final = 64 * 1024
"""Octets of a listing that are sent at once."""


async def stat(context: Context, _: None) -> bytes:
    """No text behind the figures: some clients read it as part of them."""
    count, octets = await context.maildrop.total()
    return b"+OK %d %d\r\n" % (count, octets)


async def list_(context: Context, number: int | None) -> bytes:
    drop = context.maildrop
    if number is not None:
        drop.check(number)
        return b"+OK %d %d\r\n" % (number, await drop.size(number))
    sizes = await drop.sizes()
    numbers = drop.numbers
    lines = (b"%d %d\r\n" % (item, sizes[item - 1]) for item in numbers)
    return await _listing(context, ok(f"{len(numbers)} messages"), lines)


async def uidl(context: Context, number: int | None) -> bytes:
    drop = context.maildrop
    if number is not None:
        drop.check(number)
        return b"+OK %d %b\r\n" % (number, drop.unique_id(number))
    lines = (b"%d %b\r\n" % (item, drop.unique_id(item)) for item in drop.numbers)
    return await _listing(context, ok(), lines)


async def _listing(context: Context, first: bytes, lines: Iterable[bytes]) -> bytes:
    """Send a list; its last piece is the reply."""
    pieces, size = [first], 0
    for line in lines:
        pieces.append(line)
        size += len(line)
        if size >= CHUNK:
            context.channel.write(b"".join(pieces))
            pieces, size = [], 0
            await context.channel.drain()
    return b"".join([*pieces, b".\r\n"])


async def retr(context: Context, number: int) -> bytes:
    drop = context.maildrop
    drop.check(number)
    reply = await _send_message(context, number, ok(f"{await drop.size(number)} octets"), None)
    drop.read.add(number)
    return reply


async def top(context: Context, arguments: tuple[int, int]) -> bytes:
    number, lines = arguments
    context.maildrop.check(number)
    return await _send_message(context, number, ok(), Top(lines))


async def _send_message(context: Context, number: int, first: bytes, cut: Top | None) -> bytes:
    """Send a message in pieces as the client reads them; a small one goes out in one write."""
    drop = context.maildrop
    chunks = drop.store.chunks(drop.account_id, drop.mailbox_id, drop.uid(number))
    stuffer = Stuffer()
    pending = first
    async with contextlib.aclosing(chunks):
        async for chunk in _whole_or_gone(context, chunks):
            if len(pending) >= CHUNK:
                context.channel.write(pending)
                pending = b""
                await context.channel.drain()
            pending += stuffer.feed(chunk if cut is None else cut.feed(chunk))
            if cut is not None and cut.done:
                break
    return pending + stuffer.finish()


async def _whole_or_gone(context: Context, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass chunks on; behind the first, a failure can only be told by breaking off: never half a message."""
    started = False
    try:
        async for chunk in chunks:
            yield chunk
            started = True
    except MerpatiError:
        if started:
            context.channel.abort()
        raise


def dele(context: Context, number: int) -> bytes:
    context.maildrop.check(number)
    context.maildrop.deleted.add(number)
    return ok("Marked to be deleted")


def rset(context: Context, _: None) -> bytes:
    context.maildrop.deleted.clear()
    return ok()


def noop(context: Context, _: None) -> bytes:
    return ok()


async def quit_(context: Context, _: None) -> bytes:
    """Enter UPDATE; without it (a lost connection) nothing is removed."""
    logged_in = context.state is State.TRANSACTION
    context.state = State.OVER
    if logged_in:
        try:
            await context.maildrop.commit()
        except Unavailable as failure:
            log.warning("maildrop not updated", error=str(failure))
            return error("Some deleted messages not removed, try again later", "SYS/TEMP")
    return ok("Bye")
