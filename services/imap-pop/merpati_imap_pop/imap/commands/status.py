"""STATUS: a mailbox's counts without selecting it (RFC 9051 6.3.11, RFC 7162, RFC 8438)."""

from __future__ import annotations

from bisect import bisect_right

from merpati.store import Mailbox
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.wire.arguments import Status
from merpati_imap_pop.imap.wire.values import mailbox as mailbox_string
from merpati_imap_pop.imap.wire.values import parenthesised


async def status(context: Context, arguments: Status) -> Reply:
    mailbox = await context.store.mailbox(context.account_id, arguments.mailbox)
    context.send(await status_line(context, mailbox, arguments.items))
    return ok("STATUS completed")


async def status_line(context: Context, mailbox: Mailbox, items: tuple[str, ...]) -> bytes:
    """`* STATUS "INBOX" (MESSAGES 3)`; asking for HIGHESTMODSEQ turns CONDSTORE on (RFC 7162 3.1)."""
    context.condstore = context.condstore or "HIGHESTMODSEQ" in items
    values = {
        "MESSAGES": mailbox.exists,
        "UIDNEXT": mailbox.uidnext,
        "UIDVALIDITY": mailbox.uidvalidity,
        "UNSEEN": mailbox.unseen,
        "HIGHESTMODSEQ": mailbox.modseq,
        "SIZE": mailbox.size,
        "DELETED": mailbox.deleted,
        "RECENT": await _recent(context, mailbox) if "RECENT" in items else 0,
    }
    pairs = (b"%b %d" % (item.encode("ascii"), values[item]) for item in items)
    return b"* STATUS %b %b\r\n" % (mailbox_string(mailbox.name), parenthesised(pairs))


async def _recent(context: Context, mailbox: Mailbox) -> int:
    if mailbox.recent_uid >= mailbox.uidnext - 1:
        return 0
    uids = (await context.store.snapshot(mailbox.account_id, mailbox.id)).uids
    return len(uids) - bisect_right(uids, mailbox.recent_uid)
