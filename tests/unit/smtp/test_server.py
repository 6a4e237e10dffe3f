"""What aiosmtpd 1.4.6 does and this server must not (design: "wrapped, not imitated"), and the limits."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from merpati.platform.errors import Unavailable
from tests.unit.smtp.conftest import OpenPost, Post

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


async def inbox(post: Post, account: int) -> list[bytes]:
    return [path.read_bytes() for path in await post.town.inbox(account)]


# 1. An exception in a handler was answered `500 Error: (ValueError) <text>`.


async def test_a_fault_of_ours_is_temporary_and_says_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(post.service.delivery, "deliver", broken)
    account = await post.account("tito")
    client = await post.connect()
    assert await client.envelope(post.town.at("tito")) == "354 End data with <CR><LF>.<CR><LF>"
    client.send(MESSAGE + b".\r\n")
    assert await client.reply() == "451 4.3.0 Temporary failure, try again later"
    assert await client.say("NOOP") == "250 2.0.0 OK"
    assert await inbox(post, account) == []


async def test_core_without_postgres_is_temporary(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("database unavailable")

    client = await post.connect()
    await client.say("EHLO x")
    await client.say("MAIL FROM:<a@b.example>")
    monkeypatch.setattr(post.service.delivery._db, "connection", away)
    monkeypatch.setattr(post.service.listeners[0].template["event_handler"].directory, "resolve", away)
    assert (await client.say("RCPT TO:<a@b.example>")).startswith("451 4.3.0")


# 2. Command limits were the class's, and grew with each EHLO; a line of 1,001 octets in mail was an error.


async def test_long_lines_in_mail_are_taken(post: Post) -> None:
    account = await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    body = b"Subject: x\r\n\r\n" + b"x" * 100_000 + b"\r\n"
    client.send(body + b".\r\n")
    assert (await client.reply()).startswith("250 2.0.0")
    assert (await inbox(post, account))[0].endswith(body)


async def test_long_commands_are_refused_and_read_over(post: Post) -> None:
    client = await post.connect()
    client.send(b"NOOP " + b"x" * 1_000_000 + b"\r\nNOOP\r\n")
    assert await client.reply() == "500 5.5.2 Line too long"
    assert await client.reply() == "250 2.0.0 OK"


# 3. Bare LF and CR stayed in the content.


async def test_stray_line_ends_are_normalised(post: Post) -> None:
    account = await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    client.send(b"Subject: x\n\na\rb\r\n.\n.\r\nMAIL FROM:<evil@x>\r\n.\r\n")
    assert (await client.reply()).startswith("250 ")
    [mail] = await inbox(post, account)
    assert mail.endswith(b"Subject: x\r\n\r\na\r\nb\r\n\r\n.\r\nMAIL FROM:<evil@x>\r\n")


async def test_stray_line_ends_are_refused_where_so_set(open_post: OpenPost) -> None:
    post = await open_post(smtp_stray_line_ends="refuse")
    account = await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    client.send(b"Subject: x\n\r\n.\r\n")
    assert (await client.reply()).startswith("550 5.5.2")
    client.send(b"NOOP\n")
    assert (await client.reply()).startswith("500 5.5.2")
    assert await inbox(post, account) == []


# 4. The body was held in memory.


async def test_a_large_message_goes_through_the_spool(post: Post) -> None:
    account = await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    body = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n..y\r\n") * 20_000
    client.send(body + b".\r\n")
    assert (await client.reply()).startswith("250 2.0.0")
    [mail] = await inbox(post, account)
    assert mail.endswith(body.replace(b"\r\n..y", b"\r\n.y"))
    assert mail.startswith(b"Return-Path: <a@b.example>\r\nDelivered-To: ")
    assert os.listdir(post.town.files.root / "spool" / "tmp") == []


async def test_a_connection_lost_within_a_message_leaves_nothing(post: Post) -> None:
    account = await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    client.send(b"x" * 600_000)
    await client.writer.drain()
    client.close()
    await no_connections(post)
    assert os.listdir(post.town.files.root / "spool" / "tmp") == []
    assert await inbox(post, account) == []


# 5. PIPELINING and ENHANCEDSTATUSCODES were not offered, AUTH= was refused.


async def test_what_is_offered(post: Post) -> None:
    client = await post.connect()
    lines = await client.lines("EHLO x")
    assert [line[4:] for line in lines[1:]] == [
        "PIPELINING",
        f"SIZE {post.service.settings.message_size_limit}",
        "8BITMIME",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
    ]
    submission = await post.secure()
    assert "250 AUTH PLAIN LOGIN" in await submission.lines("EHLO x")


async def test_pipelined_commands_are_answered_in_order(post: Post) -> None:
    account = await post.account("tito")
    client = await post.connect()
    to = post.town.at("tito")
    client.send(
        f"EHLO x\r\nMAIL FROM:<a@b.example> BODY=8BITMIME AUTH=<>\r\nRCPT TO:<{to}>\r\nRCPT TO:<no@x>\r\nDATA\r\n"
    )
    replies = [await client.reply() for _ in range(5)]
    assert [reply[:9] for reply in replies] == [
        "250 START",
        "250 2.1.0",
        "250 2.1.5",
        "554 5.7.1",
        "354 End d",
    ]
    client.send(MESSAGE + b".\r\nQUIT\r\n")
    assert (await client.reply()).startswith("250 2.0.0")
    assert (await client.reply()).startswith("221 2.0.0")
    assert await client.line() == ""
    assert len(await inbox(post, account)) == 1


async def test_half_closed_clients_are_answered(post: Post) -> None:
    account = await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    client.send(MESSAGE + b".\r\n")
    client.writer.write_eof()
    assert (await client.reply()).startswith("250 2.0.0")
    assert await client.line() == ""
    assert len(await inbox(post, account)) == 1


# 6. AUTH was offered after TLS even where nobody can log in.


async def test_nobody_logs_in_on_the_port_for_servers(post: Post) -> None:
    client = await post.connect()
    await client.say("EHLO x")
    await client.say("STARTTLS")
    await client.start_tls(str(post.service.settings.data / "tls" / "ca.pem"))
    assert not any("AUTH" in line for line in await client.lines("EHLO x"))
    assert (await client.say("AUTH PLAIN AGEAYg==")).startswith("5")


# 7. STARTTLS; and what came in the clear is forgotten (RFC 3207 4.2).


async def test_starttls_forgets_what_came_in_the_clear(post: Post) -> None:
    client = await post.connect()
    await client.say("EHLO x")
    client.send(b"STARTTLS\r\nMAIL FROM:<evil@x>\r\n")
    assert await client.reply() == "220 2.0.0 Ready to start TLS"
    await client.start_tls(str(post.service.settings.data / "tls" / "ca.pem"))
    assert (await client.say("RCPT TO:<a@b>")).startswith("503 5.5.1")
    assert "250 ENHANCEDSTATUSCODES" in await client.lines("EHLO x")
    assert (await client.say("STARTTLS")).startswith("503 5.5.1")


async def test_a_failed_handshake_is_forgotten(post: Post) -> None:
    client = await post.connect()
    await client.say("EHLO x")
    assert (await client.say("STARTTLS")).startswith("220 ")
    client.send(b"this is not TLS\r\n" * 10)
    await client.reader.read()
    await no_connections(post)


# A hook may use whatever a task may use.


async def test_hooks_may_use_timeouts_and_postgres(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    await post.account("tito")
    handler = post.service.listeners[0].template["event_handler"]
    check = handler.check_recipient

    async def slow(*arguments: object) -> object:
        async with asyncio.timeout(5), post.town.db.connection() as conn:
            await conn.execute("SELECT pg_sleep(0.01)")
        assert asyncio.current_task() is not None
        return await check(*arguments)

    monkeypatch.setattr(handler, "check_recipient", slow)
    client = await post.connect()
    assert (await client.envelope(post.town.at("tito"))).startswith("354 ")


# Limits


async def test_errors_end_the_connection(open_post: OpenPost) -> None:
    post = await open_post(smtp_error_limit=3)
    client = await post.connect()
    assert (await client.say("NONSENSE")).startswith("500 5.5.2")
    assert (await client.say("NONSENSE")).startswith("500 5.5.2")
    assert (await client.say("NONSENSE")).startswith("500 5.5.2")
    assert await client.line() == "421 4.7.0 Too many errors, closing the connection"
    assert await client.line() == ""


async def test_browsers_are_sent_away(post: Post) -> None:
    client = await post.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n")
    assert (await client.line()).startswith("421 4.7.0")
    assert await client.line() == ""


async def test_connections_of_one_client_are_limited(open_post: OpenPost) -> None:
    post = await open_post(smtp_client_connection_limit=2)
    first = await post.connect()
    await post.connect()
    third = await post.connect(greeted=False)
    assert await third.line() == "421 4.7.0 Too many connections, try again later"
    assert await third.line() == ""
    await first.say("QUIT")
    first.close()
    async with asyncio.timeout(10):
        while len(post.service.listeners[0]._connections) > 1:
            await asyncio.sleep(0.01)
    await post.connect()


async def test_messages_of_one_client_are_limited(open_post: OpenPost) -> None:
    post = await open_post(smtp_client_rate=1)
    client = await post.connect()
    await client.say("EHLO x")
    assert (await client.say("MAIL FROM:<a@b.example>")).startswith("250")
    await client.say("RSET")
    assert (await client.say("MAIL FROM:<a@b.example>")).startswith("450 4.7.1")


async def test_recipients_are_limited(open_post: OpenPost) -> None:
    post = await open_post(smtp_recipient_limit=1)
    await post.account("a")
    await post.account("b")
    client = await post.connect()
    await client.say("EHLO x")
    await client.say("MAIL FROM:<x@y.example>")
    assert (await client.say(f"RCPT TO:<{post.town.at('a')}>")).startswith("250")
    assert (await client.say(f"RCPT TO:<{post.town.at('b')}>")).startswith("452 4.5.3")


async def test_size_is_limited_before_and_after(open_post: OpenPost) -> None:
    post = await open_post(message_size_limit=1_000)
    account = await post.account("tito")
    client = await post.connect()
    await client.say("EHLO x")
    assert (await client.say("MAIL FROM:<x@y.example> SIZE=1001")).startswith("552 5.3.4")
    await client.envelope(post.town.at("tito"))
    client.send(b"x" * 1_001 + b"\r\n.\r\n")
    assert (await client.reply()).startswith("552 5.3.4")
    assert await inbox(post, account) == []


async def test_silent_clients_are_closed(open_post: OpenPost) -> None:
    post = await open_post(smtp_timeout=0.1)
    client = await post.connect()
    assert await client.line() == "421 4.4.2 Timeout, closing the connection"
    assert await client.line() == ""
    await no_connections(post)


async def test_a_client_that_never_listens_is_held_and_closed(open_post: OpenPost) -> None:
    post = await open_post(smtp_timeout=1.0, smtp_error_limit=10**9)
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", post.service.listeners[0].port)) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(30):
                while True:
                    await loop.sock_sendall(sock, b"HELP\r\n" * 1_000)
    await no_connections(post)


# Stopping


async def test_a_stopping_service_finishes_the_message_in_hand(open_post: OpenPost) -> None:
    post = await open_post()
    account = await post.account("tito")
    idle = await post.connect()
    busy = await post.connect()
    await busy.envelope(post.town.at("tito"))
    busy.send(b"Subject: x\r\n")
    stopping = asyncio.create_task(post.service.listeners[0].stop(10))
    assert await idle.line() == "421 4.3.2 Service shutting down, try again in a moment"
    assert await idle.line() == ""
    busy.send(b"\r\nbody\r\n.\r\n")
    assert (await busy.reply()).startswith("250 2.0.0")
    assert (await busy.line()).startswith("421 4.3.2")
    await stopping
    assert len(await inbox(post, account)) == 1


async def no_connections(post: Post) -> None:
    async with asyncio.timeout(10):
        while any(listener._connections for listener in post.service.listeners):
            await asyncio.sleep(0.01)
