"""SELECT, EXAMINE, CLOSE, UNSELECT: which mailbox the session looks at (RFC 9051 6.3.2, 6.4.1)."""

from __future__ import annotations

from merpati.store import Mailbox
from merpati_imap_pop.imap.commands import flags
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.view import View
from merpati_imap_pop.imap.wire.arguments import Select


async def select(context: Context, arguments: Select) -> Reply:
    return await _open(context, arguments, read_only=False)


async def examine(context: Context, arguments: Select) -> Reply:
    return await _open(context, arguments, read_only=True)


async def _open(context: Context, arguments: Select, *, read_only: bool) -> Reply:
    if await context.leave():  # also when what follows fails (RFC 9051 6.3.2)
        context.send(b"* OK [CLOSED] Previous mailbox is closed\r\n")
    account_id = context.account_id
    mailbox = await context.store.mailbox(account_id, arguments.mailbox)
    recent_above = mailbox.recent_uid
    if not read_only and recent_above < mailbox.uidnext - 1:
        recent_above = await context.store.claim_recent(account_id, mailbox.id)
    snapshot = await context.store.snapshot(account_id, mailbox.id)
    view = View(snapshot, read_only=read_only, recent_above=recent_above)
    context.condstore = context.condstore or arguments.condstore
    context.send(_description(view))
    context.enter(view)
    if read_only:
        return ok("EXAMINE completed", b"READ-ONLY")
    return ok("SELECT completed", b"READ-WRITE")


def _description(view: View) -> bytes:
    mailbox: Mailbox = view.mailbox
    keywords = "".join(f" {keyword}" for keyword in view.used_keywords()).encode()
    permanent = b"" if view.read_only else flags.SYSTEM_NAMES + keywords + rb" \*"
    lines = [
        b"* FLAGS (%b%b)" % (flags.SYSTEM_NAMES, keywords),
        b"* OK [PERMANENTFLAGS (%b)] Flags that are kept" % permanent,
        b"* %d EXISTS" % len(view),
        b"* %d RECENT" % view.recent(),
        b"* OK [UIDVALIDITY %d] UIDs are valid" % mailbox.uidvalidity,
        b"* OK [UIDNEXT %d] Predicted next UID" % mailbox.uidnext,
        b"* OK [HIGHESTMODSEQ %d] Highest" % mailbox.modseq,
    ]
    first_unseen = view.first_unseen() if mailbox.unseen else None
    if first_unseen is not None:
        lines.insert(4, b"* OK [UNSEEN %d] First unseen" % first_unseen)
    return b"\r\n".join([*lines, b""])


async def close(context: Context, _: None) -> Reply:
    """Expunge without telling (RFC 9051 6.4.1); EXAMINEd mailboxes are only left."""
    view = context.view
    if not view.read_only and view.mailbox.deleted:
        await context.store.expunge(context.account_id, view.mailbox.id, None)
    await context.leave()
    return ok("CLOSE completed")


async def unselect(context: Context, _: None) -> Reply:
    """RFC 3691: leave, and expunge nothing."""
    await context.leave()
    return ok("UNSELECT completed")
