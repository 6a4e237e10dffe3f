"""STORE: flags (RFC 9051 6.4.6), conditionally with UNCHANGEDSINCE (RFC 7162 3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence

from merpati.store import FlagsStored
from merpati_imap_pop.imap.commands import flags
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.commands.updates import flags_line, modseq_line
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.view import View
from merpati_imap_pop.imap.wire.arguments import Store
from merpati_imap_pop.imap.wire.sequence import compress


async def store(context: Context, arguments: Store, *, uid: bool) -> Reply:
    view = context.writable()
    context.condstore = context.condstore or arguments.unchanged_since is not None
    indexes = view.indexes(arguments.messages, uid=uid)
    uids = [view.uids[index] for index in indexes]
    mask, keywords = flags.parse(arguments.flags, view.used_keywords())
    if not uids:
        return ok("No messages changed")
    stored = await context.store.store_flags(
        context.account_id,
        context.mailbox_id,
        uids,
        arguments.mode,
        mask,
        keywords,
        arguments.unchanged_since,
    )
    context.changed()
    # What changed is told once: by the update when others changed it, by us when we did.
    await context.update(expunge=False, silent=set(stored.updated), uid=uid)
    failed = set(stored.failed)
    await _tell(context, arguments, stored, indexes, uid=uid)
    if failed:
        return ok("Some messages were changed meanwhile", b"MODIFIED " + _named(view, stored.failed, uid=uid))
    if not view.gone.isdisjoint(uids):
        return ok("Some messages were expunged meanwhile", b"EXPUNGEISSUED")
    return ok("STORE completed")


async def _tell(
    context: Context, arguments: Store, stored: FlagsStored, indexes: Sequence[int], *, uid: bool
) -> None:
    """The new flags; with .SILENT nothing, but for CONDSTORE the new MODSEQ (RFC 7162 3.1.3)."""
    view = context.view
    if arguments.silent:
        indexes = [index for index in map(view.index, stored.updated) if index is not None]
        if not context.condstore:
            return
    failed = set(stored.failed)
    for index in indexes:
        if arguments.silent:
            context.send(modseq_line(view, index))
        elif view.uids[index] not in failed:
            context.send(flags_line(view, index, condstore=context.condstore, uid=uid))
        await context.breathe()


def _named(view: View, uids: list[int], *, uid: bool) -> bytes:
    """A set of UIDs as the client asked: by UID, or by number."""
    if uid:
        return compress(uids)
    return compress(index + 1 for index in map(view.index, uids) if index is not None)
