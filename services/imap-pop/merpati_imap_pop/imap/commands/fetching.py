"""FETCH: data of messages (RFC 9051 6.4.5), CHANGEDSINCE (RFC 7162 3.1.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from merpati.platform.errors import NotFound
from merpati.store import Flag
from merpati_imap_pop.imap.commands import flag_lines, flags
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.commands.items import PLACE, Message, Value, source
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.wire.fetch_items import Fetch, Item, Section

BIG: Final = 256 * 1024
"""Octets above which a message's parts are found in a thread."""
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


class Plan:
    """What a FETCH reads, and how it writes a message."""

    def __init__(self, items: Sequence[Item]) -> None:
        sources = [source(item) for item in items]
        self.columns = tuple(dict.fromkeys(["uid", *(name for one in sources for name in one.columns)]))
        self.content = any(one.content for one in sources)
        self.parts = self.content and any(isinstance(item, Section) and item.part for item in items)
        self.tells_flags = "FLAGS" in items
        positions = {column: at for at, column in enumerate(self.columns)}
        self.place = [positions[column] for column in PLACE] if self.content else []
        self._template = b"* %d FETCH (" + b" ".join(one.template for one in sources) + b")\r\n"
        self._values = [
            _column(positions[one.columns[0]]) if one.value is None else one.value(positions)
            for one in sources
        ]
        self.plain = all(one.value is None for one in sources)
        """Whether a line is only columns: then no `Message` is needed."""
        self._columns = [positions[one.columns[0]] for one in sources] if self.plain else []

    def plain_line(self, number: int, row: Sequence[Any]) -> bytes:
        return self._template % (number, *[row[at] for at in self._columns])

    def line(self, message: Message, *, seen: bool) -> bytes:
        line = self._template % (message.index + 1, *[value(message) for value in self._values])
        if seen and not self.tells_flags:
            return b"%b FLAGS (%b))\r\n" % (line[:-3], flags.of_message(message.view, message.index))
        return line


def _column(at: int) -> Value:
    return lambda message: message.row[at]


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
            if plan.content and not await _read(context, plan, message):
                continue
            line = plan.line(message, seen=message.uid in newly_seen)
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


async def _fetch_flags(context: Context, items: tuple[str, ...], indexes: Sequence[int]) -> None:
    for start in range(0, len(indexes), _SLICE):
        context.send(flag_lines.lines(context.view, indexes[start : start + _SLICE], items))
        await context.breathe()
