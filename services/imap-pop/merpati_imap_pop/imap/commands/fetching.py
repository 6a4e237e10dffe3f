"""FETCH: data of messages (RFC 9051 6.4.5), CHANGEDSINCE (RFC 7162 3.1.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from merpati.platform.errors import NotFound
from merpati.store import Flag
from merpati_imap_pop.imap.commands import flags
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.commands.items import PLACE, Message, Render, source
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.view import View
from merpati_imap_pop.imap.wire.fetch_items import Fetch, Item, Section

BIG: Final = 256 * 1024
"""Octets above which a message's parts are found in a thread."""
_SLICE: Final = 1_000
"""Messages rendered at one go."""


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
    if set(items) <= {"UID", "FLAGS"}:
        await _fetch_flags(context, items, indexes)
        whole = True
    else:
        whole = await _fetch(context, plan, indexes, newly_seen)
    return ok("FETCH completed") if whole else ok("Some messages are expunged", b"EXPUNGEISSUED")


def _complete(items: tuple[Item, ...], *, uid: bool) -> list[Item]:
    """UID FETCH always tells the UID (RFC 9051 6.4.9), first, so that even half a line can be used."""
    return ["UID", *(item for item in items if item != "UID")] if uid else list(items)


class Plan:
    """What a FETCH reads and how it writes a message."""

    def __init__(self, items: Sequence[Item]) -> None:
        sources = [source(item) for item in items]
        self.columns = tuple(dict.fromkeys(column for one in sources for column in one.columns))
        self.content = any(one.content for one in sources)
        positions = {column: at for at, column in enumerate(self.columns, 1)}  # the UID stands first
        self.place = [positions[column] for column in PLACE] if self.content else []
        self.renders: list[Render] = [one.render(positions) for one in sources]
        self.parts = self.content and any(isinstance(item, Section) and item.part for item in items)
        self.tells_flags = "FLAGS" in items

    def line(self, message: Message, *, seen: bool) -> bytes:
        pieces = [render(message) for render in self.renders]
        if seen and not self.tells_flags:
            pieces.append(b"FLAGS (%b)" % flags.of_message(message.view, message.index))
        return b"* %d FETCH (%b)\r\n" % (message.index + 1, b" ".join(pieces))


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
    if not plan.columns:
        for index in indexes:
            context.send(plan.line(Message(view, index), seen=False))
            await context.breathe()
        return True
    uids = [view.uids[index] for index in indexes]
    found = 0
    async for row in context.store.rows(context.account_id, context.mailbox_id, uids, ("uid", *plan.columns)):
        at = view.index(row[0])
        if at is None:
            continue
        message = Message(view, at, row)
        if plan.content and not await _read(context, plan, message):
            continue
        context.send(plan.line(message, seen=message.uid in newly_seen))
        found += 1
        await context.breathe()
    return found == len(uids)


async def _read(context: Context, plan: Plan, message: Message) -> bool:
    directory, base, mirrored = (message.row[at] for at in plan.place)
    try:
        message.content = await context.store.read_at(
            context.account_id, context.mailbox_id, message.uid, (directory, base, mirrored)
        )
    except NotFound:
        return False
    if plan.parts and len(message.content) > BIG:
        await asyncio.to_thread(lambda: message.root)
    return True


async def _fetch_flags(context: Context, items: Sequence[Item], indexes: Sequence[int]) -> None:
    """The commonest FETCH, of whole folders: only what the view holds."""
    view = context.view
    template = b"* %d FETCH (" + b" ".join(b"UID %d" if item == "UID" else b"FLAGS (%b)" for item in items)
    template += b")\r\n"
    for start in range(0, len(indexes), _SLICE):
        part = indexes[start : start + _SLICE]
        context.send(b"".join(_flag_lines(view, part, list(items), template)))
        await context.breathe()


def _flag_lines(view: View, indexes: Sequence[int], items: list[Item], template: bytes) -> list[bytes]:
    uids = view.uids
    if items == ["UID"]:
        return [template % (index + 1, uids[index]) for index in indexes]
    masks, texts, keywords, recent = view.flags, flags.texts(recent=False), view.keywords, view.recent_above
    found = [
        texts[masks[index]]
        if uids[index] <= recent and uids[index] not in keywords
        else flags.of_message(view, index)
        for index in indexes
    ]
    if items == ["FLAGS"]:
        return [template % (index + 1, text) for index, text in zip(indexes, found, strict=True)]
    if items == ["UID", "FLAGS"]:
        return [template % (index + 1, uids[index], text) for index, text in zip(indexes, found, strict=True)]
    return [template % (index + 1, text, uids[index]) for index, text in zip(indexes, found, strict=True)]
