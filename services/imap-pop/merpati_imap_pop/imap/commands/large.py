"""FETCH of large messages: in memory only while their parts are found, then sent from the file in pieces.

So a client that reads slowly, or not at all, holds a piece and not a message.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from merpati.platform.errors import NotFound
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.commands.items import Found, Message
from merpati_imap_pop.imap.commands.plan import Plan

BIG: Final = 256 * 1024
"""Octets above which a message is large: its parts are found in a thread, too."""


async def send_large(context: Context, plan: Plan, message: Message, *, seen: bool) -> bool:
    """Send one message; False where it is gone."""
    try:
        pieces = await _find(context, plan, message)
    except NotFound:
        return False
    context.send(b"* %d FETCH (" % (message.index + 1))
    for at, (text, found) in enumerate(pieces):
        context.send(b" " + text if at else text)
        if isinstance(found, bytes):
            context.send(found)
        elif found is not None:
            await _send_span(context, message, *found)
    context.send(plan.ending(message, seen=seen))
    await context.breathe()
    return True


async def _find(context: Context, plan: Plan, message: Message) -> list[tuple[bytes, Found]]:
    if not plan.looks_inside:
        return plan.pieces(message)
    async with context.services.large:
        message.content = await context.store.read_at(
            context.account_id, context.mailbox_id, message.uid, plan.place_of(message)
        )
        message.size = len(message.content)
        pieces = await asyncio.to_thread(plan.pieces, message)
    message.forget()
    return pieces


async def _send_span(context: Context, message: Message, start: int, end: int) -> None:
    """A literal's octets. Its size is told by now: if the file is not as long, only the connection can end."""
    sent = 0
    if start < end:
        chunks = context.store.chunks(context.account_id, context.mailbox_id, message.uid, start, end)
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    sent += len(chunk)
                    context.send(chunk)
                    await context.breathe()
        except NotFound as error:
            raise ConnectionAbortedError("the message vanished while it was sent") from error
    if sent != end - start:
        raise ConnectionAbortedError("the message's file is shorter than its row says")
