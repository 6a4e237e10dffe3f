"""EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, RFC 4315)."""

from __future__ import annotations

from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.wire.sequence import SequenceSet


async def expunge(context: Context, _: None) -> Reply:
    """The EXPUNGE responses are the update that follows every command."""
    context.writable()
    await context.store.expunge(context.account_id, context.mailbox_id, None)
    context.changed()
    return ok("EXPUNGE completed")


async def uid_expunge(context: Context, messages: SequenceSet) -> Reply:
    view = context.writable()
    uids = [view.uids[index] for index in view.indexes(messages, uid=True)]
    if uids:
        await context.store.expunge(context.account_id, context.mailbox_id, uids)
        context.changed()
    return ok("UID EXPUNGE completed")
