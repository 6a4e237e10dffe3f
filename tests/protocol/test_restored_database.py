"""A session that outlives the restore of an older database ends: its UIDs may be other messages now."""

from __future__ import annotations

import asyncio

from tests.protocol.services import SERVICES
from tests.protocol.world import World


async def test_a_session_ends_where_uidvalidity_changes(world: World) -> None:
    account = await world.do_account("tito@example.com", "secret")
    async with SERVICES["imap"](world) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def told(command: bytes, end: bytes) -> bytes:
            writer.write(command)
            return await reader.readuntil(end)

        await told(b"a LOGIN tito@example.com secret\r\nb SELECT INBOX\r\n", b"\r\nb OK ")
        await told(b"c NOOP\r\n", b"c OK NOOP completed\r\n")
        async with world.owner.connection() as conn:
            await conn.execute(
                "UPDATE mail.mailboxes SET uidvalidity = uidvalidity + 1 WHERE account_id = %s", (account,)
            )
        world.bell.ring_accounts([account])
        writer.write(b"d NOOP\r\n")
        assert (await reader.read()).endswith(b"* BYE The selected mailbox is gone\r\n")
        writer.close()
