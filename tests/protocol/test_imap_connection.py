"""What a connection is held to: limits, time-outs, slow readers, and how it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from merpati_imap_pop.connection import INPUT_HIGH, OUTPUT_HIGH
from merpati_imap_pop.imap.protocol import ImapConnection
from merpati_imap_pop.server import Server
from tests.embedded import Cluster
from tests.protocol.imap_client import ImapClient
from tests.protocol.services import mail_server
from tests.protocol.world import World

Start = Callable[..., Any]


@pytest.fixture
async def start(world: World) -> AsyncIterator[Start]:
    """`server, port = await start(login_timeout=0.1)`: a server with an account, under these settings."""
    async with AsyncExitStack() as stack:

        async def begin(**settings: object) -> tuple[Server, int]:
            world.settings = world.settings.model_copy(update=settings)
            await world.do_account("tito@example.com", "rahasia")
            return await stack.enter_async_context(mail_server(world, ImapConnection))

        yield begin


async def log_in(port: int) -> ImapClient:
    return await ImapClient.connect(port, "tito@example.com", "rahasia")


async def test_stop_says_goodbye_and_finishes_the_command_in_hand(start: Start, world: World) -> None:
    server, port = await start()
    idler, worker = await log_in(port), await log_in(port)
    idler.writer.write(b"i IDLE\r\n")
    assert await idler.line() == b"+ idling\r\n"
    entered, go_on = asyncio.Event(), asyncio.Event()
    append = world.store.append_to

    async def slow_append(*arguments: Any) -> Any:
        entered.set()
        await go_on.wait()
        return await append(*arguments)

    world.store.append_to = slow_append  # type: ignore[method-assign]
    worker.writer.write(b"a APPEND INBOX {3+}\r\nabc\r\n")
    await entered.wait()
    closing = asyncio.create_task(server.close())
    assert await idler.line() == b"* BYE Server shutting down\r\n"
    go_on.set()
    assert (await worker.line()).startswith(b"a OK [APPENDUID")
    assert await worker.line() == b"* BYE Server shutting down\r\n"
    assert await worker.line() == b""
    await closing


async def test_disabled_account_loses_its_sessions(start: Start, world: World) -> None:
    _, port = await start()
    client = await log_in(port)
    client.writer.write(b"i IDLE\r\n")
    assert await client.line() == b"+ idling\r\n"
    await world.disable("tito@example.com")
    assert await client.line() == b"* BYE Your account was changed, log in again\r\n"
    assert await client.line() == b""


async def test_login_takes_no_longer_than_it_may(start: Start) -> None:
    _, port = await start(login_timeout=0.3)
    client = await ImapClient.connect(port)
    client.writer.write(b"a NOOP\r\n")  # keeps nobody alive who does not log in
    assert await client.line() == b"a OK NOOP completed\r\n"
    assert await client.line() == b"* BYE Disconnected for inactivity\r\n"
    assert await client.line() == b""


async def test_silent_client_is_sent_away(start: Start) -> None:
    _, port = await start(imap_idle_timeout=0.3)
    client = await log_in(port)
    assert await client.line() == b"* BYE Disconnected for inactivity\r\n"


@pytest.mark.parametrize("setting", ["mail_connection_limit", "mail_client_connection_limit"])
async def test_connections_are_counted(start: Start, setting: str) -> None:
    server, port = await start(**{setting: 2})
    first, _second = await ImapClient.connect(port), await ImapClient.connect(port)
    reader, _ = await asyncio.open_connection("127.0.0.1", port)
    assert (await reader.readline()).startswith(b"* BYE Too many connections")
    assert await reader.read() == b""
    first.writer.close()
    async with asyncio.timeout(10):
        while len(server.connections) > 1:
            await asyncio.sleep(0.01)
    await ImapClient.connect(port)


async def test_slow_reader_is_waited_for_and_holds_up_nobody(start: Start, world: World) -> None:
    server, port = await start()
    slow = await ImapClient.connect(port, "tito@example.com", "rahasia", limit=2**16)
    other = await log_in(port)
    size = 3_000_000
    for _ in range(4):
        await other.ok(b"APPEND INBOX {%d+}\r\n%b" % (size, b"x" * size))
    await slow.select("INBOX")
    slow.writer.write(b"a FETCH 1:* BODY.PEEK[]\r\n" * 5)
    (connection,) = [one for one in server.connections if one.session.context._view is not None]  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        while connection._writable is None:
            await asyncio.sleep(0.01)
    await other.ok(b"NOOP")
    assert connection.transport is not None
    waiting = connection.transport.get_write_buffer_size()  # type: ignore[attr-defined]
    assert waiting < 4 * OUTPUT_HIGH < size, "no message waits in memory for its reader"
    total = 0
    async with asyncio.timeout(60):
        while total < 5 * 4 * size:
            total += len(await slow.reader.read(2**20))


async def test_reader_that_never_comes_back_is_dropped(start: Start) -> None:
    server, port = await start(imap_idle_timeout=0.5)
    client = await ImapClient.connect(port, "tito@example.com", "rahasia", limit=2**16)
    size = 8_000_000
    await client.ok(b"APPEND INBOX {%d+}\r\n%b" % (size, b"x" * size))
    await client.select("INBOX")
    client.writer.write(b"a FETCH 1 BODY.PEEK[]\r\n" * 4)
    async with asyncio.timeout(20):
        while server.connections:
            await asyncio.sleep(0.05)


async def test_flood_of_commands_is_not_hoarded(start: Start, world: World) -> None:
    server, port = await start()
    client = await log_in(port)
    (connection,) = server.connections
    go_on = asyncio.Event()
    mailboxes = world.store.mailboxes

    async def slow_mailboxes(account_id: int) -> Any:
        await go_on.wait()
        return await mailboxes(account_id)

    world.store.mailboxes = slow_mailboxes  # type: ignore[method-assign]
    client.writer.write(b'a LIST "" *\r\n' + b"x NOOP\r\n" * 50_000)
    async with asyncio.timeout(20):
        while not connection._paused:
            await asyncio.sleep(0.01)
    assert len(connection.input) < INPUT_HIGH + 512 * 1024
    go_on.set()
    answered = 0
    while answered < 50_000:
        answered += (await client.line()).startswith(b"x OK")


async def test_message_that_was_cut_off_is_not_kept(start: Start, world: World) -> None:
    server, port = await start()
    client = await log_in(port)
    client.writer.write(b"a APPEND INBOX {1000+}\r\n" + b"x" * 999)
    await client.writer.drain()
    client.close()
    async with asyncio.timeout(10):
        while server.connections:
            await asyncio.sleep(0.01)
    other = await log_in(port)
    assert b'* STATUS "INBOX" (MESSAGES 0)\r\n' in await other.ok(b"STATUS INBOX (MESSAGES)")


async def test_client_that_is_no_imap_client_is_sent_away(start: Start) -> None:
    _, port = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    lines = (await reader.read()).splitlines()
    assert lines[-1] == b"* BYE Too many errors"
    assert len(lines) < 100


async def test_postgres_away_is_a_temporary_error(start: Start, cluster: Cluster) -> None:
    _, port = await start(database_timeout=0.5)
    client = await log_in(port)
    await client.ok(b"SELECT INBOX")
    cluster.stop_postgres()
    try:
        for command in (b"STATUS INBOX (MESSAGES)", b"APPEND INBOX {3+}\r\nabc", b"SELECT Archive"):
            reply, _ = await client.command(command)
            assert reply.startswith(b"NO [UNAVAILABLE]")
        await client.ok(b"NOOP")
    finally:
        cluster.start_postgres()
    async with asyncio.timeout(30):
        while not (await client.command(b"SELECT INBOX"))[0].startswith(b"OK"):
            await asyncio.sleep(0.05)
    assert len(client.flags) == 0, "nothing of the refused APPEND is there"


async def test_large_message_is_spooled_and_leaves_nothing_behind(start: Start, world: World) -> None:
    server, port = await start(append_limit=1_000_000)
    client = await log_in(port)
    message = b"Subject: large\r\n\r\n" + b"0123456789abcde\n" * 50_000
    await client.ok(b"APPEND INBOX (\\Seen) {%d+}\r\n%b" % (len(message), message))
    reply, _ = await client.command(b"APPEND Nowhere {%d+}\r\n%b" % (len(message), message))
    assert reply.startswith(b"NO [TRYCREATE]")
    reply, _ = await client.command(b"APPEND INBOX {%d+}\r\n%b trailing" % (len(message), message))
    assert reply.startswith(b"BAD")
    reply, _ = await client.command(b"APPEND INBOX {1100000+}\r\n" + b"x" * 1_100_000)
    assert reply.startswith(b"NO [TOOBIG]")
    await client.select("INBOX")
    (line,) = await client.ok(b"FETCH 1 (FLAGS BODY.PEEK[])")
    assert line == b"* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[] {%d}\r\n%b)\r\n" % (len(message), message)
    client.writer.write(b"a APPEND INBOX {500000+}\r\n" + b"x" * 400_000)
    await client.writer.drain()
    client.close()
    async with asyncio.timeout(10):
        while server.connections or os.listdir(world.store.files.spool_tmp):
            await asyncio.sleep(0.01)


async def test_full_disk_is_told_when_a_large_message_came(
    start: Start, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = await start()
    client = await log_in(port)
    monkeypatch.setattr(world.store.files, "_floor", 2**62)
    reply, _ = await client.command(b"APPEND INBOX {300000+}\r\n" + b"x" * 300_000)
    assert reply.startswith(b"NO [UNAVAILABLE]")
    await client.ok(b"NOOP")
