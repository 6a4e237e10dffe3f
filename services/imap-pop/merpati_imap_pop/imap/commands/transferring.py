"""COPY and MOVE (RFC 9051 6.4.7, 6.4.8), with COPYUID (RFC 4315)."""

from __future__ import annotations

from merpati.store import Copied
from merpati_imap_pop.imap.commands.appending import target
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.wire.arguments import Transfer
from merpati_imap_pop.imap.wire.sequence import compress


async def copy(context: Context, arguments: Transfer, *, uid: bool) -> Reply:
    view = context.view
    uids = [view.uids[index] for index in view.indexes(arguments.messages, uid=uid)]
    mailbox = await target(context, arguments.mailbox)
    if not uids:
        return ok("No messages copied")
    copied = await context.store.copy(context.account_id, context.mailbox_id, uids, mailbox.id)
    return ok("COPY completed", _code(copied))


async def move(context: Context, arguments: Transfer, *, uid: bool) -> Reply:
    """COPYUID goes out before the EXPUNGE responses, untagged (RFC 6851 4.3)."""
    view = context.writable()
    uids = [view.uids[index] for index in view.indexes(arguments.messages, uid=uid)]
    mailbox = await target(context, arguments.mailbox)
    if not uids:
        return ok("No messages moved")
    moved = await context.store.move(context.account_id, context.mailbox_id, uids, mailbox.id)
    if moved.source_uids:
        context.send(b"* OK [%b] Moved\r\n" % _code(moved))
    context.changed()
    return ok("MOVE completed")


def _code(copied: Copied) -> bytes:
    if not copied.source_uids:  # all were expunged meanwhile
        return b"EXPUNGEISSUED"
    return b"COPYUID %d %b %b" % (
        copied.uidvalidity,
        compress(copied.source_uids),
        compress(copied.target_uids),
    )
