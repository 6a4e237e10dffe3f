"""How much accounts hold, for listings of them."""

from __future__ import annotations

from collections.abc import Sequence

from merpati.platform.db import Connection

_USED = "SELECT account_id, used FROM mail.accounts WHERE account_id = ANY(%s)"


async def used_bytes(conn: Connection, account_ids: Sequence[int]) -> dict[int, int]:
    """The bytes that each account's mailbox holds; accounts without a mailbox are left out."""
    return dict(await (await conn.execute(_USED, (list(account_ids),))).fetchall())
