"""GETQUOTA and GETQUOTAROOT (RFC 9208): one root, the account; storage in KiB."""

from __future__ import annotations

from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.responses import No, Reply, ok
from merpati_imap_pop.imap.wire.values import astring
from merpati_imap_pop.imap.wire.values import mailbox as mailbox_string

_ROOT = "User quota"


async def get_quota(context: Context, root: str) -> Reply:
    if root != _ROOT:
        raise No("There is no such quota root", b"NONEXISTENT")
    context.send(await _line(context))
    return ok("GETQUOTA completed")


async def get_quota_root(context: Context, name: str) -> Reply:
    mailbox = await context.store.mailbox(context.account_id, name)
    context.send(b"* QUOTAROOT %b %b\r\n" % (mailbox_string(mailbox.name), astring(_ROOT.encode())))
    context.send(await _line(context))
    return ok("GETQUOTAROOT completed")


async def _line(context: Context) -> bytes:
    quota = await context.store.quota(context.account_id)
    resources = b"STORAGE %d %d" % (-(-quota.used // 1024), quota.limit // 1024) if quota.limit else b""
    return b"* QUOTA %b (%b)\r\n" % (astring(_ROOT.encode()), resources)
