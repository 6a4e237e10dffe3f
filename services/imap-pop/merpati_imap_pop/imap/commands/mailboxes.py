"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: folders as such (RFC 9051 6.3.4 to 6.3.8)."""

from __future__ import annotations

from typing import Final

from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.responses import No, Reply, ok
from merpati_imap_pop.imap.wire.arguments import Create, Rename

USES: Final = frozenset({"\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash", "\\Flagged", "\\All"})
"""RFC 6154 2. The last two are views that we do not make."""


async def create(context: Context, arguments: Create) -> Reply:
    """A trailing separator only announces children (RFC 9051 6.3.4): the folder is made as well."""
    use = _use(arguments.use)
    if use is not None:
        for mailbox in await context.store.mailboxes(context.account_id):
            if mailbox.special_use == use:
                raise No(f"{mailbox.name} has this use already", b"USEATTR")
    await context.store.create(context.account_id, arguments.mailbox.removesuffix("/"), use)
    return ok("CREATE completed")


def _use(names: tuple[str, ...]) -> str | None:
    if not names:
        return None
    if len(names) > 1 or names[0] not in USES - {"\\Flagged", "\\All"}:
        raise No("Special use is not supported", b"USEATTR")
    return names[0]


async def delete(context: Context, name: str) -> Reply:
    await context.store.delete(context.account_id, name)
    return ok("DELETE completed")


async def rename(context: Context, arguments: Rename) -> Reply:
    await context.store.rename(context.account_id, arguments.old, arguments.new.removesuffix("/"))
    return ok("RENAME completed")


async def subscribe(context: Context, name: str) -> Reply:
    await context.store.subscribe(context.account_id, name, True)
    return ok("SUBSCRIBE completed")


async def unsubscribe(context: Context, name: str) -> Reply:
    """Of a folder that does not exist too: clients tidy up after a DELETE."""
    if any(mailbox.name == name for mailbox in await context.store.mailboxes(context.account_id)):
        await context.store.subscribe(context.account_id, name, False)
    return ok("UNSUBSCRIBE completed")
