"""SEARCH (RFC 9051 6.4.4), ESEARCH's result options (RFC 4731), MODSEQ (RFC 7162 3.1.5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import compress as choose

from merpati.platform.errors import NotFound
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.commands.large import BIG
from merpati_imap_pop.imap.commands.search_masks import Masker
from merpati_imap_pop.imap.commands.search_match import COLUMNS, Candidate, matches
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.view import View
from merpati_imap_pop.imap.wire.search_keys import (
    All,
    AllOf,
    AnyOf,
    HasFlag,
    Key,
    ModifiedSince,
    Not,
    Numbers,
    Search,
)
from merpati_imap_pop.imap.wire.sequence import compress


async def search(context: Context, arguments: Search, *, uid: bool) -> Reply:
    view = context.view
    await context.update(expunge=False, uid=uid)
    context.condstore = context.condstore or arguments.modseq
    masker = Masker(view)
    masks = masker.evaluate(arguments.key)
    found = list(choose(range(len(view)), masker.octets(masks.sure)))
    candidates = list(choose(range(len(view)), masker.octets(masks.maybe & ~masks.sure)))
    if candidates:
        known = {leaf: masker.octets(masker.evaluate(leaf).sure) for leaf in set(_leaves(arguments.key))}
        found += [index async for index in _look(context, arguments.key, candidates, known)]
        found.sort()
    _answer(context, arguments, found, uid=uid)
    return ok("SEARCH completed")


def _leaves(key: Key) -> Iterator[Key]:
    """The keys that the view decides."""
    if isinstance(key, Not):
        yield from _leaves(key.key)
    elif isinstance(key, AllOf | AnyOf):
        for inner in key.keys:
            yield from _leaves(inner)
    elif isinstance(key, All | HasFlag | Numbers | ModifiedSince):
        yield key


async def _look(
    context: Context, key: Key, candidates: Sequence[int], known: dict[Key, bytes]
) -> AsyncIterator[int]:
    """Those of `candidates` whose rows, and where need be texts, fit."""
    view = context.view
    uids = [view.uids[index] for index in candidates]
    async for uid, *columns, directory, base, mirrored in context.store.rows(
        context.account_id, context.mailbox_id, uids, COLUMNS
    ):
        index = view.index(uid)
        if index is None:
            continue
        candidate = Candidate(index, *columns)
        fits = matches(key, candidate, known)
        if fits is None:
            fits = await _look_inside(context, key, candidate, uid, (directory, base, mirrored), known)
        if fits:
            yield index


async def _look_inside(
    context: Context,
    key: Key,
    candidate: Candidate,
    uid: int,
    place: tuple[str, str, int],
    known: dict[Key, bytes],
) -> bool:
    try:
        candidate.content = await context.store.read_at(context.account_id, context.mailbox_id, uid, place)
    except NotFound:
        return False
    if len(candidate.content) > BIG:
        return bool(await asyncio.to_thread(matches, key, candidate, known))
    await asyncio.sleep(0)  # let others run between two texts
    return bool(matches(key, candidate, known))


def _answer(context: Context, arguments: Search, found: list[int], *, uid: bool) -> None:
    view = context.view
    numbers = [view.uids[index] for index in found] if uid else [index + 1 for index in found]
    if arguments.results is None:
        listed = b"".join(b" %d" % number for number in numbers)
        modseq = b" (MODSEQ %d)" % _highest(view, found) if arguments.modseq and found else b""
        context.send(b"* SEARCH%b%b\r\n" % (listed, modseq))
        return
    parts = [b"* ESEARCH (TAG %b)" % _quoted(context.tag)]
    if uid:
        parts.append(b"UID")
    parts += _results(arguments.results, numbers)
    if arguments.modseq and found:
        parts.append(b"MODSEQ %d" % _highest(view, _told(arguments.results, found)))
    context.send(b" ".join(parts) + b"\r\n")


def _results(options: frozenset[str], numbers: list[int]) -> Iterator[bytes]:
    if numbers and "MIN" in options:
        yield b"MIN %d" % numbers[0]
    if numbers and "MAX" in options:
        yield b"MAX %d" % numbers[-1]
    if numbers and "ALL" in options:
        yield b"ALL " + compress(numbers)
    if "COUNT" in options:
        yield b"COUNT %d" % len(numbers)


def _told(options: frozenset[str], found: list[int]) -> list[int]:
    """The messages whose MODSEQ counts: with only MIN or MAX, those alone (RFC 4731 3.2)."""
    if options & {"ALL", "COUNT"}:
        return found
    return [found[0]] * ("MIN" in options) + [found[-1]] * ("MAX" in options)


def _highest(view: View, indexes: list[int]) -> int:
    return max(view.modseqs[index] for index in indexes)


def _quoted(tag: bytes) -> bytes:
    return b'"%b"' % tag.replace(b"\\", b"\\\\")
