"""What leaves in the name of a domain of ours is signed for it, as it leaves; what only passes through is not."""

from __future__ import annotations

from collections.abc import Sequence

import dns.asyncresolver
import pytest

from merpati.directory.admin import dkim
from merpati.signing import Verification, verify
from tests.fakes.dns import FakeDNS
from tests.queueing import MESSAGE
from tests.system.outbound.conftest import World
from tests.town import dkim_keys


@pytest.fixture
def letter(world: World) -> bytes:
    """A letter of tito's, with what conversion and dot-stuffing change."""
    domain = world.town.domain
    return (
        f"Message-ID: <1@{domain}>\r\nSubject: Cuti Désember\r\nFrom: Tito <tito@{domain}>\r\nTo: sari@example.net\r\n"
        "Date: Tue, 24 Nov 2026 09:00:00 +0700\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nHalo,  café.\r\n.\r\nSampai nanti. \r\n\r\n"
    ).encode()


async def verified(world: World, content: bytes) -> list[Verification]:
    """What a verifier finds that asks the fake DNS for the keys the directory wants published."""
    async with world.town.owner.connection() as conn:
        keys = await dkim.published(conn, world.town.domain)
    for key in keys:
        world.dns.txt(f"{key.selector}._domainkey.{world.town.domain}", key.record)
    return await verify(content, lambda name: _texts(world.dns, name))


async def _texts(fake: FakeDNS, name: str) -> Sequence[str]:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [fake.host], fake.port
    answer = await resolver.resolve(name, "TXT")
    return [b"".join(record.strings).decode() for record in answer]


def passes(world: World) -> list[tuple[str, str, str]]:
    return [("pass", world.town.domain, selector) for selector in ("m202611r", "m202611e")]


def summary(found: Sequence[Verification]) -> list[tuple[str, str, str]]:
    return [(item.result, item.domain, item.selector) for item in found]


async def test_a_letter_verifies_with_both_keys(world: World, letter: bytes) -> None:
    await world.start()
    await world.enqueue("sari@example.net", content=letter)
    (mail,) = await world.taken()
    assert mail.content.endswith(letter)
    assert f"SIZE={len(mail.content)}" in mail.mail_parameters
    assert summary(await verified(world, mail.content)) == passes(world)


async def test_a_letter_verifies_after_its_conversion_for_a_7_bit_hop(world: World, letter: bytes) -> None:
    world.mx.behaviour.extensions = ["PIPELINING"]
    await world.start()
    await world.enqueue("sari@example.net", content=letter)
    (mail,) = await world.taken()
    assert mail.content.isascii()
    assert summary(await verified(world, mail.content)) == passes(world)


async def test_a_large_letter_verifies(world: World, letter: bytes) -> None:
    await world.start()
    await world.enqueue("sari@example.net", content=letter + b".Baris  panjang.\r\n" * 60_000)
    (mail,) = await world.taken()
    assert summary(await verified(world, mail.content)) == passes(world)


async def test_a_report_that_leaves_is_signed(world: World, letter: bytes) -> None:
    """Tito's address leads elsewhere now: the report on his letter goes there."""
    await world.town.alias("tito", "tito@example.net")
    world.mx.behaviour.refuse_rcpt = {"nobody@example.net": "550 5.1.1 nobody"}
    await world.start()
    await world.enqueue("nobody@example.net", content=letter)
    (mail,) = await world.taken()
    assert mail.sender == ""
    assert b"\r\nFrom: Mail Delivery System <postmaster@" in mail.content
    assert summary(await verified(world, mail.content)) == passes(world)


@pytest.mark.parametrize("sender", ["", "tito@elsewhere.example"])
async def test_what_passes_through_is_not_signed(world: World, letter: bytes, sender: str) -> None:
    """A forger writes in tito's name to an alias that leads elsewhere."""
    content = b"Received: from forger.example\r\n\tby mail.example.com with SMTP\r\n" + letter
    await world.start()
    await world.enqueue("sari@example.net", content=content, account_id=None, sender=sender)
    (mail,) = await world.taken()
    assert mail.content == content


async def test_mail_of_another_domain_is_not_signed(world: World) -> None:
    await world.start()
    await world.enqueue("sari@example.net", content=MESSAGE)
    (mail,) = await world.taken()
    assert mail.content == MESSAGE


async def test_without_a_key_a_letter_waits_until_there_is_one(world: World, letter: bytes) -> None:
    async with world.town.owner.connection() as conn:
        await conn.execute("DELETE FROM directory.dkim_keys WHERE domain_id = %s", (world.town.domain_id,))
    await world.start()
    await world.enqueue("sari@example.net", content=letter)
    entry = await world.entry("4.7.0")
    assert "no DKIM key" in (entry.last_reply or "")
    assert world.mx.received == []
    async with world.town.owner.connection() as conn:
        await dkim.enter(conn, world.town.domain, dkim_keys(world.town.domain))
    (mail,) = await world.taken()
    assert summary(await verified(world, mail.content)) == passes(world)
