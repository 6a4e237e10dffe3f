"""Mail leaves: routed by MX, over one connection, in the form the other side can take."""

from __future__ import annotations

import quopri
import ssl

import pytest
import trustme

from tests.fakes.mx import FakeMX
from tests.queueing import MESSAGE
from tests.system.outbound.conftest import World


@pytest.fixture
def tls() -> ssl.SSLContext:
    """The TLS of a server whose certificate nobody here knows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("mx.example.net").configure_cert(context)
    return context


async def test_mail_is_sent_as_it_is_and_the_trail_says_what_the_remote_said(world: World) -> None:
    await world.start()
    await world.enqueue("sari@example.net")
    (mail,) = await world.taken()
    assert mail.content == MESSAGE
    assert (mail.sender, mail.recipients, mail.helo) == (
        world.town.at("tito"),
        ["sari@example.net"],
        "mail.example.com",
    )
    assert f"SIZE={len(MESSAGE)}" in mail.mail_parameters
    await world.settled()
    (sent,) = await world.trail("sent")
    assert sent["reply"] == "250 2.0.0 taken as 1"
    assert sent["remote"] == f"mx.example.net[127.0.0.1]:{world.mx.port}"
    assert list((world.settings.mail_root / "spool" / "queue").glob("*/*")) == []


async def test_the_prefix_of_our_own_mailboxes_is_not_sent(world: World) -> None:
    prefix = b"Return-Path: <tito@example.com>\r\nDelivered-To: bcc@example.com\r\n"
    await world.start()
    await world.enqueue("sari@example.net", content=prefix + MESSAGE, prefix_len=len(prefix))
    (mail,) = await world.taken()
    assert mail.content == MESSAGE


async def test_recipients_of_one_message_share_one_transaction(world: World) -> None:
    await world.start()
    await world.enqueue("sari@example.net", "budi@example.net")
    (mail,) = await world.taken()
    assert sorted(mail.recipients) == ["budi@example.net", "sari@example.net"]
    await world.settled()
    assert len(await world.trail("sent")) == 2


@pytest.mark.parametrize("pipelining", [True, False])
async def test_many_messages_share_few_connections(world: World, pipelining: bool) -> None:
    if not pipelining:
        world.mx.behaviour.extensions.remove("PIPELINING")
    for number in range(40):
        await world.enqueue("sari@example.net", content=MESSAGE + b"%d\r\n" % number)
    await world.start(destination_concurrency=2)
    mails = await world.taken(40)
    assert sorted(mail.content for mail in mails) == sorted(
        MESSAGE + b"%d\r\n" % number for number in range(40)
    )
    assert world.mx.connections <= 4
    assert world.mx.most_at_once <= 2


async def test_a_large_message_is_streamed_with_its_dots(world: World) -> None:
    body = b"".join(b".%d\r\n..\r\n" % number for number in range(150_000))
    await world.start()
    await world.enqueue("sari@example.net", content=MESSAGE + body)
    (mail,) = await world.taken()
    assert mail.content == MESSAGE + body


async def test_eight_bit_mail_reaches_a_seven_bit_host_readable(world: World) -> None:
    world.mx.behaviour.extensions.remove("8BITMIME")
    header = (
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    )
    text = "Selamat pagi, café — naïve.\r\n".encode()
    await world.start()
    await world.enqueue("sari@example.net", content=header + b"\r\n" + text)
    (mail,) = await world.taken()
    assert mail.content.isascii()
    assert not any(parameter.startswith("BODY=") for parameter in mail.mail_parameters)
    head, _, body = mail.content.partition(b"\r\n\r\n")
    assert b"Content-Transfer-Encoding: quoted-printable" in head
    assert quopri.decodestring(body) == text


async def test_a_large_message_is_converted_and_streamed(world: World) -> None:
    world.mx.behaviour.extensions.remove("8BITMIME")
    header = (
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    )
    text = "Café.\r\n".encode() * 100_000
    await world.start()
    await world.enqueue("sari@example.net", content=header + b"\r\n" + text)
    (mail,) = await world.taken()
    assert mail.content.isascii()
    assert quopri.decodestring(mail.content.partition(b"\r\n\r\n")[2]) == text
    assert f"SIZE={len(mail.content)}" in mail.mail_parameters
    await world.settled()
    assert list((world.settings.mail_root / "spool" / "tmp").iterdir()) == []


async def test_eight_bit_mail_goes_as_it_is_where_it_may(world: World) -> None:
    await world.start()
    content = "Subject: Halo\r\n\r\nCafé\r\n".encode()
    await world.enqueue("sari@example.net", content=content)
    (mail,) = await world.taken()
    assert mail.content == content
    assert "BODY=8BITMIME" in mail.mail_parameters


async def test_tls_is_used_where_it_is_offered(world: World, tls: ssl.SSLContext) -> None:
    world.mx.behaviour.tls = tls
    await world.start()
    await world.enqueue("sari@example.net")
    (mail,) = await world.taken()
    assert mail.tls
    await world.settled()
    assert (await world.trail("sent"))[0]["tls"].startswith("TLSv1.")


async def test_broken_tls_is_worse_than_none_but_not_than_no_mail(world: World) -> None:
    world.mx.behaviour.broken_tls = True
    await world.start()
    await world.enqueue("sari@example.net")
    (mail,) = await world.taken()
    assert not mail.tls


async def test_a_server_that_knows_only_helo(world: World) -> None:
    world.mx.behaviour.ehlo = "502 5.5.1 what is EHLO"
    await world.start()
    await world.enqueue("sari@example.net")
    (mail,) = await world.taken()
    assert (mail.content, mail.mail_parameters) == (MESSAGE, [])


async def test_the_next_server_is_tried_when_the_first_is_down(world: World) -> None:
    with FakeMX("127.0.0.2", world.mx.port) as second:
        world.dns.mx("example.net", (10, "mx.example.net"), (20, "mx2.example.net"))
        world.dns.address("mx2.example.net", "127.0.0.2")
        world.mx.stop()
        await world.start()
        await world.enqueue("sari@example.net")
        (mail,) = await world.taken(mx=second)
        assert mail.recipients == ["sari@example.net"]


async def test_a_domain_without_mx_is_its_own_server(world: World) -> None:
    world.dns.address("plain.example", "127.0.0.1")
    await world.start()
    await world.enqueue("sari@plain.example")
    await world.taken()


async def test_a_relayhost_takes_everything_after_login_over_tls(world: World, tls: ssl.SSLContext) -> None:
    world.mx.behaviour.tls = tls
    world.mx.behaviour.login = ("merpati", "rahasia")
    await world.start(
        relayhost=f"[127.0.0.1]:{world.mx.port}",
        relayhost_username="merpati",
        relayhost_password="rahasia",
        relayhost_tls="encrypt",
        smtp_out_port=9,
    )
    await world.enqueue("sari@anywhere.example")
    await world.enqueue("budi@elsewhere.example")
    mails = await world.taken(2)
    assert {(mail.login, mail.tls) for mail in mails} == {("merpati", True)}


async def test_no_password_goes_to_a_relayhost_that_cannot_prove_who_it_is(
    world: World, tls: ssl.SSLContext
) -> None:
    world.mx.behaviour.tls = tls
    world.mx.behaviour.login = ("merpati", "rahasia")
    await world.start(
        relayhost=f"[127.0.0.1]:{world.mx.port}", relayhost_username="merpati", relayhost_password="rahasia"
    )
    await world.enqueue("sari@anywhere.example")
    entry = await world.entry("4.4.1")
    assert "certificate" in (entry.last_reply or "").lower()
    assert not any(command.startswith("AUTH") for command in world.mx.commands)


async def test_a_relayhost_by_mx(world: World) -> None:
    await world.start(relayhost="example.net")
    await world.enqueue("sari@anywhere.example")
    await world.taken()


async def test_a_connection_that_takes_few_messages_is_followed_by_another(world: World) -> None:
    world.mx.behaviour.max_messages = 3
    for _ in range(10):
        await world.enqueue("sari@example.net")
    await world.start(destination_concurrency=1)
    await world.taken(10)
    await world.settled()
    assert await world.trail("deferred") == []
    assert len(world.mx.received) == 10
