"""POP3: what a transcript can't show."""

from __future__ import annotations

import asyncio
import poplib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from merpati.platform.errors import Unavailable
from merpati.store import Flag, NewMessage, Snapshot
from merpati_imap_pop.connection import OUTPUT_HIGH
from merpati_imap_pop.pop3.protocol import Pop3Connection
from merpati_imap_pop.server import Server
from tests.protocol.services import mail_server
from tests.protocol.world import World

ADDRESS, PASSWORD = "tito@example.com", "rahasia ku"
FIRST = b"From: tito@example.com\r\nSubject: first\r\n\r\n.a line that begins with a dot\r\n.\r\nlast\r\n"
SECOND = b"From: iqbal@example.com\r\nSubject: second\r\n\r\nno line end"


@dataclass
class Pop3:
    """The server on the TLS port, and an account."""

    world: World
    port: int
    trust: ssl.SSLContext
    server: Server
    account_id: int = 0

    async def account(self, *mails: bytes) -> None:
        self.account_id = await self.world.do_account(ADDRESS, PASSWORD)
        inbox = await self.inbox()
        for mail in mails:
            await self.world.store.append(self.account_id, inbox.mailbox.id, [NewMessage(mail)])

    async def inbox(self) -> Snapshot:
        store = self.world.store
        inbox = await store.mailbox(self.account_id, "INBOX")
        return await store.snapshot(self.account_id, inbox.id)

    async def client(self) -> poplib.POP3_SSL:
        """A logged-in poplib client; its calls block, so they run in a thread."""

        def connect() -> poplib.POP3_SSL:
            client = poplib.POP3_SSL("localhost", self.port, context=self.trust, timeout=20)
            client.user(ADDRESS)
            client.pass_(PASSWORD)
            return client

        return await asyncio.to_thread(connect)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trust, server_hostname="localhost"
        )

    async def talk(self, *lines: bytes) -> list[bytes]:
        """Say all lines, and read until the server closes."""
        reader, writer = await self.connect()
        writer.write(b"".join(line + b"\r\n" for line in lines))
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        return answer.splitlines()


@pytest.fixture
async def pop3(world: World) -> AsyncIterator[Pop3]:
    trust = ssl.create_default_context(cafile=str(world.settings.data / "tls" / "ca.pem"))
    async with mail_server(world, Pop3Connection, implicit_tls=True) as (server, port):
        yield Pop3(world, port, trust, server)


async def test_only_quit_removes_and_only_what_was_marked(pop3: Pop3) -> None:
    await pop3.account(FIRST, SECOND, FIRST)
    lost = await pop3.client()
    await asyncio.to_thread(lost.dele, 1)
    lost.close()  # without QUIT
    client = await pop3.client()
    assert await asyncio.to_thread(client.stat) == (3, 2 * len(FIRST) + len(SECOND))
    await asyncio.to_thread(client.retr, 1)
    await asyncio.to_thread(client.dele, 2)
    # Others' mail and marks are none of this session's business.
    inbox = await pop3.inbox()
    await pop3.world.store.store_flags(pop3.account_id, inbox.mailbox.id, [3], "add", Flag.DELETED)
    await pop3.world.store.append(pop3.account_id, inbox.mailbox.id, [NewMessage(SECOND)])
    assert await asyncio.to_thread(client.stat) == (2, 2 * len(FIRST))
    assert (await asyncio.to_thread(client.quit)).startswith(b"+OK")
    after = await pop3.inbox()
    assert list(after.uids) == [1, 3, 4]
    assert list(after.flags) == [Flag.SEEN, Flag.DELETED, 0]


async def test_message_expunged_elsewhere_is_still_served(pop3: Pop3) -> None:
    await pop3.account(FIRST)
    client = await pop3.client()
    inbox = await pop3.inbox()
    await pop3.world.store.expunge(pop3.account_id, inbox.mailbox.id, [1], only_deleted=False)
    _, lines, _ = await asyncio.to_thread(client.retr, 1)
    assert lines[1] == b"Subject: first"
    await asyncio.to_thread(client.dele, 1)
    assert (await asyncio.to_thread(client.quit)).startswith(b"+OK")


async def test_large_message_arrives_whole(pop3: Pop3) -> None:
    body = b"".join(b".%d\r\n" % number for number in range(200_000))
    await pop3.account(b"Subject: large\r\n\r\n" + body)
    client = await pop3.client()
    _, lines, _ = await asyncio.to_thread(client.retr, 1)
    assert b"\r\n".join(lines[2:]) + b"\r\n" == body
    _, lines, _ = await asyncio.to_thread(client.top, 1, 150_000)
    assert len(lines) == 150_002
    await asyncio.to_thread(client.quit)


async def test_client_that_does_not_read_costs_no_memory(pop3: Pop3) -> None:
    await pop3.account(b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 1_000_000)
    reader, writer = await pop3.connect()
    writer.write(f"USER {ADDRESS}\r\nPASS {PASSWORD}\r\nRETR 1\r\nQUIT\r\n".encode())
    async with asyncio.timeout(20):
        await reader.readline()
        (connection,) = pop3.server.connections
        while connection.transport is None or not connection.transport.get_write_buffer_size():
            await asyncio.sleep(0.01)
        for _ in range(50):  # turns of the loop in which a careless server would go on reading the file
            await asyncio.sleep(0)
            assert connection.transport.get_write_buffer_size() < 4 * OUTPUT_HIGH
        assert (await reader.read()).endswith(b"abcdef\r\n.\r\n+OK Bye\r\n")
    writer.close()


async def test_empty_maildrop(pop3: Pop3) -> None:
    await pop3.account()
    client = await pop3.client()
    assert await asyncio.to_thread(client.stat) == (0, 0)
    assert (await asyncio.to_thread(client.list))[1] == []
    assert (await asyncio.to_thread(client.uidl))[1] == []


async def test_failing_dependency_is_temporary(pop3: Pop3, monkeypatch: pytest.MonkeyPatch) -> None:
    await pop3.account(FIRST)

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(pop3.world.store, "mailbox", away)
    login = (b"USER " + ADDRESS.encode(), b"PASS " + PASSWORD.encode())
    answer = await pop3.talk(*login, b"QUIT")
    assert answer[2] == b"-ERR [SYS/TEMP] Temporary failure, try again later"
    monkeypatch.undo()
    monkeypatch.setattr(pop3.world.store, "expunge", away)
    answer = await pop3.talk(*login, b"DELE 1", b"QUIT")
    assert answer[-1] == b"-ERR [SYS/TEMP] Some deleted messages not removed, try again later"
    assert len(await pop3.inbox()) == 1


async def test_what_was_sent_in_clear_behind_stls_is_dropped(world: World) -> None:
    """RFC 2595 2.4, CVE-2011-0411."""
    trust = ssl.create_default_context(cafile=str(world.settings.data / "tls" / "ca.pem"))
    async with mail_server(world, Pop3Connection) as (_, port), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"STLS\r\nCAPA\r\n")
        assert await reader.readline() == b"+OK Merpati POP3 ready\r\n"
        assert await reader.readline() == b"+OK Begin TLS negotiation now\r\n"
        await writer.start_tls(trust, server_hostname="localhost")
        writer.write(b"NOOP\r\nQUIT\r\n")
        assert await reader.read() == b"-ERR Log in first\r\n+OK Bye\r\n"
        writer.close()


async def test_overlong_line_is_refused_and_forgotten(pop3: Pop3) -> None:
    answer = await pop3.talk(b"USER " + b"x" * 1_000_000, b"CAPA", b"QUIT")
    assert answer[1] == b"-ERR Line too long"
    assert answer[2].startswith(b"+OK")


async def test_who_speaks_another_protocol_is_sent_away(pop3: Pop3) -> None:
    answer = await pop3.talk(*[b"GET / HTTP/1.1"] * 30)
    assert answer[-1] == b"-ERR Too many errors"
    assert len(answer) == 26


async def test_disabled_account_is_told_and_cut_off(pop3: Pop3) -> None:
    await pop3.account(FIRST)
    reader, writer = await pop3.connect()
    writer.write(f"USER {ADDRESS}\r\nPASS {PASSWORD}\r\n".encode())
    async with asyncio.timeout(20):
        assert [(await reader.readline())[:3] for _ in range(3)] == [b"+OK"] * 3
        await pop3.world.disable(ADDRESS)
        assert await reader.readline() == b"-ERR [SYS/TEMP] Your account was changed, log in again\r\n"
        assert await reader.read() == b""
    writer.close()
