"""Who may send what to whom: port 25 and the submission ports."""

from __future__ import annotations

import base64
import re

import pytest

from merpati.platform.errors import DiskFull, Unavailable
from tests.unit.smtp.conftest import PASSWORD, Client, OpenPost, Post

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


async def inbox(post: Post, account: int) -> list[bytes]:
    return [path.read_bytes() for path in await post.town.inbox(account)]


# Port 25


@pytest.mark.parametrize(
    "recipient",
    [
        "victim@elsewhere.example",
        "victim%elsewhere.example@127.0.0.1",
        "victim@[127.0.0.1]",
        '"victim@elsewhere.example"@other.example',
        "elsewhere.example!victim@other.example",
    ],
)
async def test_no_open_relay(post: Post, recipient: str) -> None:
    client = await post.connect()
    await client.say("EHLO x")
    await client.say("MAIL FROM:<a@b.example>")
    assert (await client.say(f"RCPT TO:<{recipient}>")).startswith("554 5.7.1")
    assert (await client.say("DATA")).startswith("554 5.5.1")


@pytest.mark.parametrize(
    "trick", ["victim%elsewhere.example", '"victim@elsewhere.example"', "elsewhere.example!victim"]
)
async def test_no_relay_through_our_own_domain(post: Post, trick: str) -> None:
    client = await post.connect()
    await client.say("EHLO x")
    await client.say("MAIL FROM:<a@b.example>")
    assert (await client.say(f"RCPT TO:<{trick}@{post.town.domain}>")).startswith("550 5.1.1")
    assert (await client.say(f"RCPT TO:<@{post.town.domain}:victim@elsewhere.example>")).startswith(
        "554 5.7.1"
    )


async def test_recipients_that_are_refused(post: Post) -> None:
    await post.account("full", quota=1)
    await post.account("off")
    await post.town.rows(
        "UPDATE directory.accounts SET receive_enabled = false WHERE address = %s RETURNING id",
        post.town.at("off"),
    )
    client = await post.connect()
    await client.say("EHLO x")
    await client.say("MAIL FROM:<>")
    assert await client.say(f"RCPT TO:<{post.town.at('nobody')}>") == "550 5.1.1 No such user here"
    assert (await client.say(f"RCPT TO:<{post.town.at('full')}>")).startswith("250 2.1.5")  # one octet fits
    await client.say("RSET")
    await client.say("MAIL FROM:<> SIZE=100")
    assert await client.say(f"RCPT TO:<{post.town.at('full')}>") == "452 4.2.2 Mailbox is full"
    assert (await client.say(f"RCPT TO:<{post.town.at('off')}>")).startswith("550 5.2.1")
    assert (await client.say("RCPT TO:<a b@c>")).startswith("553 5.1.3")
    assert (await client.say("RCPT TO:<bare>")).startswith("501 5.1.3")


async def test_full_at_delivery(open_post: OpenPost) -> None:
    post = await open_post(quota_grace=0, quota_full_permanent=True)
    account = await post.account("full", quota=10)
    client = await post.connect()
    assert (await client.envelope(post.town.at("full"))).startswith("354")
    client.send(MESSAGE + b".\r\n")
    assert (await client.reply()).startswith("552 5.2.2")
    assert await inbox(post, account) == []


async def test_subaddresses_and_postmaster(post: Post) -> None:
    tito = await post.account("tito")
    client = await post.connect()
    assert (await client.envelope(f"Tito+lists@{post.town.domain.upper()}", "")).startswith("354")
    client.send(MESSAGE + b".\r\n")
    assert (await client.reply()).startswith("250")
    [mail] = await inbox(post, tito)
    assert mail.startswith(b"Return-Path: <>\r\n")


async def test_the_received_line(post: Post) -> None:
    tito = await post.account("tito")
    client = await post.connect()
    await client.say("EHLO client.example")
    await client.say("STARTTLS")
    await client.start_tls(str(post.service.settings.data / "tls" / "ca.pem"))
    await client.envelope(post.town.at("tito"))
    client.send(MESSAGE + b".\r\n")
    reply = await client.reply()
    [mail] = await inbox(post, tito)
    trace_id = reply.rpartition(" ")[2]
    assert re.search(
        rb"^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n"
        rb"\t\(using TLSv1\.3 with cipher \S+\)\r\n"
        rb"\tby " + re.escape(post.service.settings.myhostname).encode() + rb" \(Merpati\) with ESMTPS\r\n"
        rb"\tid " + trace_id.encode() + rb"\r\n\tfor <" + post.town.at("tito").encode() + rb">;\r\n"
        rb"\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n",
        mail,
        re.MULTILINE,
    )


async def test_a_hostile_helo_stays_one_token(post: Post) -> None:
    tito = await post.account("tito")
    client = await post.connect()
    await client.say("EHLO a\tb(c)\x01")
    await client.say("MAIL FROM:<a@b.example>")
    await client.say(f"RCPT TO:<{post.town.at('tito')}>")
    await client.say("DATA")
    client.send(MESSAGE + b".\r\n")
    assert (await client.reply()).startswith("250")
    assert b"Received: from a?b?c?? ([127.0.0.1])" in (await inbox(post, tito))[0]


async def test_mail_that_was_here_is_a_loop(post: Post) -> None:
    await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    client.send(f"Delivered-To: {post.town.at('tito')}\r\n\r\n.\r\n")
    assert (await client.reply()).startswith("554 5.4.6")


async def test_refusals_are_in_the_trail(post: Post) -> None:
    await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    client.send(f"Message-ID: <loop@x>\r\nDelivered-To: {post.town.at('tito')}\r\n\r\n.\r\n")
    assert (await client.reply()).startswith("554 5.4.6")
    await client.say("MAIL FROM:<a@b.example>")
    await client.say(f"RCPT TO:<{post.town.at('nobody')}>")
    await post.service.refusals.flush()
    noted = await post.town.rows(
        "SELECT address, message_id, detail FROM platform.mail_events"
        " WHERE kind = 'refused' AND address LIKE %s ORDER BY id",
        f"%@{post.town.domain}",
    )
    assert [(address, message_id, detail["reply"][:9]) for address, message_id, detail in noted] == [
        (post.town.at("tito"), "<loop@x>", "554 5.4.6"),
        (post.town.at("nobody"), None, "550 5.1.1"),
    ]
    assert noted[0][2]["sender"] == "a@b.example" and noted[0][2]["client"] == "127.0.0.1"


async def test_our_networks_may_relay(open_post: OpenPost) -> None:
    post = await open_post(mynetworks="127.0.0.0/8")
    client = await post.connect()
    assert (await client.envelope("boss@elsewhere.example", "scanner@local.example")).startswith("354")
    client.send(MESSAGE + b".\r\n")
    trace_id = (await client.reply()).rpartition(" ")[2]
    [(account, file)] = await post.town.rows(
        "SELECT account_id, file FROM queue.messages WHERE trace_id = %s", trace_id
    )
    assert account is None
    content = (post.town.files.root / file).read_bytes()
    assert b"\r\nDate: " in content and f"\r\nMessage-ID: <{trace_id}@local.example>".encode() in content


# Submission


async def test_submission_wants_tls_then_a_login(post: Post) -> None:
    client = await post.connect(1)
    assert not any("AUTH" in line for line in await client.lines("EHLO x"))
    assert (await client.say("AUTH PLAIN AGEAYg==")).startswith("530 5.7.0 Must issue a STARTTLS")
    assert (await client.say("MAIL FROM:<a@b>")).startswith("530 5.7.0")
    secure = await post.secure()
    assert (await secure.say("MAIL FROM:<a@b>")).startswith("530 5.7.0 Authentication required")
    implicit = await post.connect(2)
    assert "250 AUTH PLAIN LOGIN" in await implicit.lines("EHLO x")


async def test_plain_and_login(post: Post) -> None:
    await post.account("tito")
    name = post.town.at("tito")
    client = await post.secure()
    assert await client.say("AUTH PLAIN") == "334 "
    assert (await client.say(encoded(f"\0{name}\0{PASSWORD}"))).startswith("235 2.7.0")
    assert (await client.say("AUTH PLAIN x")).startswith("503 5.5.1")
    client = await post.secure()
    assert await client.say("auth login") == "334 VXNlcm5hbWU6"
    assert await client.say(encoded(name)) == "334 UGFzc3dvcmQ6"
    assert (await client.say(encoded(PASSWORD))).startswith("235 2.7.0")
    client = await post.secure()
    assert await client.say(f"AUTH LOGIN {encoded(name)}") == "334 UGFzc3dvcmQ6"
    assert (await client.say(encoded("wrong"))).startswith("535 5.7.8")


async def test_logins_that_fail(post: Post) -> None:
    client = await post.secure()
    assert (await client.say(f"AUTH PLAIN {encoded(chr(0) + 'x@y' + chr(0) + 'z')}")).startswith("535 5.7.8")
    assert (await client.say("AUTH PLAIN ???")).startswith("501 5.5.2")
    assert (await client.say(f"AUTH PLAIN {encoded('nonsense')}")).startswith("501 5.5.2")
    assert (await client.say("AUTH CRAM-MD5")).startswith("504 5.5.4")
    await client.say("AUTH PLAIN")
    assert (await client.say("*")).startswith("501 5.7.0")
    post.auth_away = True
    assert (await client.say(f"AUTH PLAIN {encoded(chr(0) + 'x@y' + chr(0) + 'z')}")).startswith("454 4.7.0")


async def test_only_own_senders(post: Post) -> None:
    await post.account("tito")
    await post.account("iqbal")
    await post.town.alias("sales", post.town.at("tito"))
    client = await post.logged_in("tito")
    assert (await client.say(f"MAIL FROM:<{post.town.at('iqbal')}>")).startswith("553 5.7.1")
    for own in ("tito", "tito+x", "sales"):
        assert (await client.say(f"MAIL FROM:<{post.town.at(own)}>")).startswith("250")
        await client.say("RSET")
    assert await author(client, post, post.town.at("iqbal")) == "553 5.7.1"
    assert await author(client, post, f"{post.town.at('tito')}, x@y.example") == "553 5.7.1"
    assert await author(client, post, f"Tito <{post.town.at('sales')}>") == "250 2.0.0"


async def author(client: Client, post: Post, address: str) -> str:
    await client.say(f"MAIL FROM:<{post.town.at('tito')}>")
    await client.say(f"RCPT TO:<{post.town.at('iqbal')}>")
    await client.say("DATA")
    client.send(f"From: {address}\r\nSubject: x\r\n\r\n.\r\n")
    return (await client.reply())[:9]


async def test_submitted_mail_is_completed_and_goes_out(post: Post) -> None:
    tito, iqbal = await post.account("tito"), await post.account("iqbal")
    client = await post.logged_in("tito")
    await client.say(f"MAIL FROM:<{post.town.at('tito')}>")
    assert (await client.say(f"RCPT TO:<{post.town.at('iqbal')}>")).startswith("250")
    assert (await client.say("RCPT TO:<far@elsewhere.example>")).startswith("250")
    assert (await client.say(f"RCPT TO:<{post.town.at('nobody')}>")).startswith("550 5.1.1")
    await client.say("DATA")
    client.send(MESSAGE + b".\r\n")
    trace_id = (await client.reply()).rpartition(" ")[2]
    [mail] = await inbox(post, iqbal)
    assert f"Message-ID: <{trace_id}@{post.town.domain}>\r\n".encode() in mail
    assert b"\r\nDate: " in mail and f"\r\nFrom: {post.town.at('tito')}\r\n".encode() in mail
    assert b"with ESMTPSA\r\n" in mail
    assert await post.town.rows(
        "SELECT kind, account_id, recipient FROM queue.messages WHERE trace_id = %s", trace_id
    ) == [("remote", tito, "far@elsewhere.example")]


async def test_a_large_submission(post: Post) -> None:
    await post.account("tito")
    iqbal = await post.account("iqbal")
    client = await post.logged_in("tito")
    for header, expected in (
        (f"From: {post.town.at('tito')}\r\nDate: x\r\nMessage-ID: <1@x>\r\n", "250 2.0.0"),
        ("Subject: incomplete\r\n", "250 2.0.0"),
        (f"From: {post.town.at('iqbal')}\r\n", "553 5.7.1"),
    ):
        await client.say(f"MAIL FROM:<{post.town.at('tito')}>")
        await client.say(f"RCPT TO:<{post.town.at('iqbal')}>")
        await client.say("DATA")
        client.send(header + "\r\n" + "x" * 70 + "\r\n" + ("y" * 998 + "\r\n") * 600 + ".\r\n")
        assert (await client.reply()).startswith(expected)
    assert len(await inbox(post, iqbal)) == 2
    assert list((post.town.files.root / "spool" / "tmp").iterdir()) == []


async def test_the_daily_limit(open_post: OpenPost) -> None:
    post = await open_post(submission_rate=2)
    account = await post.account("tito")
    client = await post.logged_in("tito")
    for expected in ("250 2.0.0", "250 2.0.0", "450 4.7.1"):
        await client.say(f"MAIL FROM:<{post.town.at('tito')}>")
        await client.say("RCPT TO:<far@elsewhere.example>")
        await client.say("DATA")
        client.send(MESSAGE + b".\r\n")
        assert (await client.reply()).startswith(expected)
    count = "SELECT recipients FROM queue.submitted WHERE account_id = %s"
    assert await post.town.rows(count, account) == [(2,)]


@pytest.mark.parametrize("done", range(4))
async def test_a_switched_off_account_ends_its_sessions(post: Post, done: int) -> None:
    account = await post.account("tito")
    client = await post.logged_in("tito")
    steps = [f"MAIL FROM:<{post.town.at('tito')}>", "RCPT TO:<far@elsewhere.example>", "DATA", "Halo\r\n."]
    for step in steps[:done]:
        assert (await client.say(step))[:3] in ("250", "354")
    await post.town.rows(
        "UPDATE directory.accounts SET login_enabled = false, auth_version = 2 WHERE id = %s RETURNING id",
        account,
    )
    post.service.listeners[1].template["event_handler"].directory.drop()
    assert (await client.say(steps[done])).startswith("421 4.7.0")
    assert await client.line() == ""


async def test_without_disk_or_postgres_it_is_temporary(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    await post.account("tito")
    files = post.service.listeners[0].template["event_handler"].files

    def full() -> None:
        raise DiskFull("no disk")

    client = await post.connect()
    await client.say("EHLO x")
    with monkeypatch.context() as patch:
        patch.setattr(files, "check_disk", full)
        assert (await client.say("MAIL FROM:<a@b.example>")).startswith("452 4.3.1")

    async def fails(_items: object) -> None:
        raise Unavailable("I/O error")

    await client.envelope(post.town.at("tito"))
    monkeypatch.setattr(files, "write", fails)
    client.send(MESSAGE + b".\r\n")
    assert (await client.reply()).startswith("451 4.3.0")


async def test_without_redis_mail_is_taken_as_usual(open_post: OpenPost) -> None:
    post = await open_post(redis_url="unix:///nonexistent/valkey.sock")
    account = await post.account("tito")
    client = await post.connect()
    await client.envelope(post.town.at("tito"))
    client.send(MESSAGE + b".\r\n")
    assert (await client.reply()).startswith("250")
    assert len(await inbox(post, account)) == 1


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
