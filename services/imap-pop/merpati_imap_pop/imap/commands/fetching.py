"""FETCH: data of messages (RFC 9051 6.4.5), CHANGEDSINCE (RFC 7162 3.1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from merpati.platform.errors import NotFound
from merpati.store import Flag
from merpati_imap_pop.imap.commands import flag_lines
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.commands.items import Message
from merpati_imap_pop.imap.commands.large import BIG, send_large
from merpati_imap_pop.imap.commands.plan import Plan
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.wire.fetch_items import Fetch, Item, Section

_SLICE: Final = 5_000
"""Messages whose flags are written at one go."""


async def fetch(context: Context, arguments: Fetch, *, uid: bool) -> Reply:
    view = context.view
    await context.update(expunge=False, uid=uid)
    items = _complete(arguments.items, uid=uid)
    context.condstore = context.condstore or "MODSEQ" in items
    indexes = view.indexes(arguments.messages, uid=uid)
    if arguments.changed_since is not None:
        since, modseqs = arguments.changed_since, view.modseqs
        indexes = [index for index in indexes if modseqs[index] > since]
    plan = Plan(items)
    newly_seen = await _mark_seen(context, items, indexes)
    form = tuple(item for item in items if isinstance(item, str))
    if form in flag_lines.FORMS and len(form) == len(items):
        await _fetch_flags(context, form, indexes)
    elif plan.columns == ("uid",):
        await _fetch_view(context, plan, indexes)
    elif not await _fetch(context, plan, indexes, newly_seen):
        return ok("Some messages are expunged", b"EXPUNGEISSUED")
    return ok("FETCH completed")


def _complete(items: tuple[Item, ...], *, uid: bool) -> list[Item]:
    """UID FETCH always tells the UID (RFC 9051 6.4.9), first, so that even half a line can be used."""
    return ["UID", *(item for item in items if item != "UID")] if uid else list(items)


async def _mark_seen(context: Context, items: Sequence[Item], indexes: Sequence[int]) -> frozenset[int]:
    """Reading a body without PEEK sets \\Seen; returns the UIDs whose new flags have to be told."""
    view = context.view
    if view.read_only or not any(isinstance(item, Section) and not item.peek for item in items):
        return frozenset()
    seen = Flag.SEEN.value
    unseen = [view.uids[index] for index in indexes if not view.flags[index] & seen]
    if not unseen:
        return frozenset()
    stored = await context.store.store_flags(context.account_id, context.mailbox_id, unseen, "add", Flag.SEEN)
    updated = frozenset(stored.updated)
    context.changed()
    await context.update(expunge=False, silent=updated)
    return updated


async def _fetch(context: Context, plan: Plan, indexes: Sequence[int], newly_seen: frozenset[int]) -> bool:
    """Send the messages; False where some are gone for good."""
    view = context.view
    places = {view.uids[index]: index for index in indexes}
    found = 0
    async for row in context.store.rows(context.account_id, context.mailbox_id, places, plan.columns):
        index = places[row[0]]
        if plan.plain:
            line = plan.plain_line(index + 1, row)
        else:
            message = Message(view, index, row)
            seen = message.uid in newly_seen
            if plan.content:
                message.size = row[plan.place[-1]]
                if message.size > BIG:
                    found += await send_large(context, plan, message, seen=seen)
                    continue
                if not await _read(context, plan, message):
                    continue
            line = plan.line(message, seen=seen)
        found += 1
        if context.send(line):
            await context.breathe()
    return found == len(places)


async def _fetch_view(context: Context, plan: Plan, indexes: Sequence[int]) -> None:
    """Items that need no row: flags and MODSEQs of a whole folder."""
    view = context.view
    for index in indexes:
        if context.send(plan.line(Message(view, index, (view.uids[index],)), seen=False)):
            await context.breathe()


async def _read(context: Context, plan: Plan, message: Message) -> bool:
    try:
        message.content = await context.store.read_at(
            context.account_id, context.mailbox_id, message.uid, plan.place_of(message)
        )
    except NotFound:
        return False
    message.size = len(message.content)
    return True


async def _fetch_flags(context: Context, items: tuple[str, ...], indexes: Sequence[int]) -> None:
    for start in range(0, len(indexes), _SLICE):
        context.send(flag_lines.lines(context.view, indexes[start : start + _SLICE], items))
        await context.breathe()
