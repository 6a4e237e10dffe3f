"""The keys that a domain's mail is signed with: made with the domain, and at the start for domains that have none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from merpati.directory.admin import dkim
from merpati.platform.telemetry import get_logger
from merpati.signing import DkimKey
from merpati_auth.actor import SERVER
from merpati_auth.changes import Change
from merpati_auth.context import Context

log = get_logger(__name__)


async def make_keys(domain: str) -> list[DkimKey]:
    """A pair of keys for `domain`, made off the loop."""
    return await asyncio.to_thread(dkim.make_keys, domain, datetime.now(UTC).date())


async def enter(change: Change, domain: str, keys: list[DkimKey]) -> None:
    """Give the domain its keys, and say so in the audit trail, if it has none yet."""
    if await dkim.enter(change.conn, domain, keys):
        await change.audit("domain.dkim", domain, selectors=[key.selector for key in keys])


async def complete(context: Context) -> None:
    """Give keys to every domain without them: of an older version, a restored backup, or the first start."""
    async with context.db.connection() as conn:
        names = await dkim.domains_without(conn)
    for name in names:
        keys = await make_keys(name)
        async with context.changes.begin(SERVER) as change:
            await enter(change, name, keys)
        log.info("DKIM keys made", domain=name, selectors=[key.selector for key in keys])
