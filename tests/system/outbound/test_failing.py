"""Mail that can't be delivered: it waits, or its sender is told why; strangers are told nothing."""

from __future__ import annotations

import email.message

import pytest

from merpati.platform.events import Bell
from merpati.queue import Queue, QueueFiles
from tests.queueing import MESSAGE
from tests.system.outbound.conftest import World


def delivery_status(report: email.message.EmailMessage) -> dict[str, str]:
    """The fields of a report's machine-readable part, names in lower case."""
    assert report.get_content_type() == "multipart/report"
    part = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
    groups: list[email.message.Message] = part.get_payload()  # type: ignore[assignment]
    return {name.lower(): str(value) for group in groups for name, value in group.items()}


async def test_a_refused_recipient_is_reported_to_the_sender(world: World) -> None:
    tito = await world.town.account("tito")
    world.mx.behaviour.refuse_rcpt["gone@example.net"] = "550 5.1.1 left the company"
    await world.start()
    await world.enqueue("sari@example.net", "gone@example.net", account_id=tito)
    (mail,) = await world.taken()
    assert mail.recipients == ["sari@example.net"]
    (report,) = await world.mailbox(tito)
    status = delivery_status(report)
    assert (status["action"], status["status"]) == ("failed", "5.1.1")
    assert status["final-recipient"] == "rfc822; gone@example.net"
    assert status["diagnostic-code"] == "smtp; 550 5.1.1 left the company"
    assert report["return-path"] == "<>"
    assert report["to"].addresses[0].addr_spec == world.town.at("tito")
    body = report.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    for words in ("<gone@example.net>", "550 5.1.1 left the company", "typing mistakes", "Subject: Cuti"):
        assert words in text
    await world.settled()
    (bounced,) = await world.trail("bounced")
    assert bounced["reply"] == "550 5.1.1 left the company"


async def test_mail_waits_for_a_server_that_is_down(world: World) -> None:
    world.mx.stop()
    await world.start()
    await world.enqueue("sari@example.net")
    entry = await world.entry("4.4.1")
    assert entry.state == "deferred" or entry.active
    world.mx.start()
    await world.taken()
    await world.settled()
    deferred = await world.trail("deferred")
    assert "example.net" in deferred[0]["reason"]


async def test_a_postmaster_s_retry_does_not_wait_for_a_dead_destination(world: World, bell: Bell) -> None:
    world.mx.stop()
    await world.start(queue_minimal_backoff=3_600.0, queue_maximal_backoff=3_600.0)
    await world.enqueue("sari@example.net")
    entry = await world.entry("4.4.1")
    world.mx.start()
    desk = Queue(world.db, QueueFiles(world.settings.mail_root), bell, world.settings)
    await desk.retry(entry.id)
    await world.taken()


async def test_greylisted_mail_goes_at_the_second_try(world: World) -> None:
    world.mx.behaviour.greylist = True
    await world.start()
    await world.enqueue("sari@example.net")
    await world.taken()
    assert [detail["status"] for detail in await world.trail("deferred")] == ["4.7.1"]


@pytest.mark.parametrize("point", ["connect", "ehlo", "mail", "rcpt", "data", "content"])
async def test_mail_waits_for_a_server_that_hangs_up(world: World, point: str) -> None:
    world.mx.behaviour.hang_up_at = point
    await world.start()
    await world.enqueue("sari@example.net")
    entry = await world.entry("4.4.2" if point not in ("connect", "ehlo") else "4.4.1")
    assert entry.recipient == "sari@example.net"
    world.mx.behaviour.hang_up_at = None
    (mail,) = await world.taken()
    assert mail.content == MESSAGE


async def test_mail_that_waited_too_long_is_given_up(world: World) -> None:
    tito = await world.town.account("tito")
    world.mx.behaviour.refuse_content = "452 4.3.1 no space"
    await world.start()
    await world.enqueue("sari@example.net", account_id=tito, lifetime=0.1)
    (report,) = await world.mailbox(tito)
    status = delivery_status(report)
    assert (status["action"], status["status"]) == ("failed", "4.3.1")
    assert "in the time it may wait" in " ".join(report.as_string().split())
    assert len(await world.trail("expired")) == 1


@pytest.mark.parametrize(
    ("domain", "status", "words"),
    [
        ("nowhere.example", "5.1.2", "does not exist"),
        ("closed.example", "5.1.10", "no mail at all"),
        ("homeless.example", "5.4.4", "no mail server"),
        ("ours.example", "5.4.6", "come back to this server"),
    ],
)
async def test_a_domain_without_a_way_to_it_bounces_at_once(
    world: World, domain: str, status: str, words: str
) -> None:
    tito = await world.town.account("tito")
    world.dns.null_mx("closed.example")
    world.dns.address("homeless.example")
    world.dns.mx("ours.example", (10, "mail.example.com"), (20, "mx.example.net"))
    await world.start()
    await world.enqueue(f"sari@{domain}", account_id=tito)
    (report,) = await world.mailbox(tito)
    assert delivery_status(report)["status"] == status
    assert words in " ".join(report.as_string().split())


async def test_dns_that_does_not_answer_is_no_reason_to_bounce(world: World) -> None:
    world.dns.fail("example.net")
    await world.start()
    await world.enqueue("sari@example.net")
    await world.entry("4.4.3")
    world.dns.heal()
    await world.taken()


async def test_an_mx_that_is_our_own_listener_is_a_loop(world: World) -> None:
    tito = await world.town.account("tito")
    await world.start(smtp_port=world.mx.port)
    await world.enqueue("sari@example.net", account_id=tito)
    (report,) = await world.mailbox(tito)
    assert delivery_status(report)["status"] == "5.4.6"
    assert world.mx.connections == 0


async def test_outgoing_switched_off_says_so(world: World) -> None:
    tito = await world.town.account("tito")
    await world.start(outgoing="off")
    await world.enqueue("sari@example.net", account_id=tito)
    (report,) = await world.mailbox(tito)
    assert "not to send mail to other domains" in " ".join(report.as_string().split())


async def test_a_server_that_refuses_every_session_bounces(world: World) -> None:
    tito = await world.town.account("tito")
    world.mx.behaviour.greeting = "554 5.7.1 your address is on our list"
    await world.start()
    await world.enqueue("sari@example.net", account_id=tito)
    (report,) = await world.mailbox(tito)
    assert delivery_status(report)["diagnostic-code"] == "smtp; 554 5.7.1 your address is on our list"


async def test_mail_from_outside_is_reported_to_the_postmaster_alone(world: World) -> None:
    postmaster = await world.town.account("postmaster")
    world.mx.behaviour.refuse_rcpt["*"] = "550 5.1.1 no such user"
    await world.start()
    await world.enqueue(
        "gone@example.net",
        account_id=None,
        sender="victim@innocent.example",
        original_recipient=world.town.at("apotek"),
    )
    (report,) = await world.mailbox(postmaster)
    assert report["to"].addresses[0].addr_spec == world.town.at("postmaster")
    attached = next(part for part in report.walk() if part.get_content_type() == "message/rfc822")
    inner = attached.get_payload(0)
    assert isinstance(inner, email.message.EmailMessage)
    assert inner["subject"] == "Cuti"
    await world.settled()
    assert world.mx.received == []
    assert "innocent.example" not in {name for name, _ in world.dns.queries}


async def test_a_report_that_nobody_may_get_is_held(world: World) -> None:
    world.mx.behaviour.refuse_rcpt["*"] = "550 5.1.1 no such user"
    await world.start()
    await world.enqueue("gone@example.net", account_id=None, sender="x@innocent.example")
    entry = await world.entry("5.1.1")
    assert entry.state == "held"
    assert len(await world.trail("held")) == 1


async def test_a_local_row_is_delivered_here(world: World) -> None:
    iqbal = await world.town.account("iqbal")
    await world.start()
    await world.enqueue(world.town.at("iqbal"), kind="local")
    (mail,) = await world.mailbox(iqbal)
    assert mail["delivered-to"] == world.town.at("iqbal")
    await world.settled()
    assert world.mx.connections == 0


async def test_a_local_row_for_nobody_bounces(world: World) -> None:
    tito = await world.town.account("tito")
    await world.start()
    await world.enqueue(world.town.at("nobody"), kind="local", account_id=tito)
    (report,) = await world.mailbox(tito)
    assert delivery_status(report)["status"] == "5.1.1"


async def test_a_full_mailbox_waits_for_room(world: World) -> None:
    full = await world.town.account("full", quota=1)
    await world.start(quota_grace=0)
    await world.enqueue(world.town.at("full"), kind="local")
    await world.entry("4.2.2")
    await world.town.rows("UPDATE directory.accounts SET quota = 0 WHERE id = %s RETURNING 1", full)
    await world.mailbox(full)
