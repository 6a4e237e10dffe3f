"""APPEND: a message from the client into a mailbox (RFC 9051 6.3.12, UIDPLUS)."""

from __future__ import annotations

from merpati.platform.errors import NotFound
from merpati.store import Mailbox, NewMessage
from merpati_imap_pop.imap.commands import flags
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.responses import No, Reply, ok
from merpati_imap_pop.imap.wire.arguments import Append


async def append(context: Context, arguments: Append) -> Reply:
    data = context.spooled.path if context.spooled is not None else arguments.data
    if not data:
        raise No("A message cannot be empty", b"CANNOT")
    mask, keywords = flags.parse(arguments.flags)
    message = NewMessage(data, mask, keywords, arguments.received_at)
    try:
        appended = await context.store.append_to(context.account_id, arguments.mailbox, [message])
    except NotFound as error:
        raise No("There is no such mailbox", b"TRYCREATE") from error
    return ok("APPEND completed", b"APPENDUID %d %d" % (appended.uidvalidity, appended.uids[0]))


async def target(context: Context, name: str) -> Mailbox:
    """The mailbox that messages shall go to; a missing one may be made by the client (RFC 9051 7.1)."""
    try:
        return await context.store.mailbox(context.account_id, name)
    except NotFound as error:
        raise No("There is no such mailbox", b"TRYCREATE") from error
