"""DKIM: RFC 8463's own example verifies, ours verify elsewhere and here, and every change is noticed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from merpati.platform.errors import Invalid
from merpati.signing import Algorithm, DkimKey, generate, load, public_record, sign, verify
from merpati.signing.canonical import relaxed_body, relaxed_header, simple_body, split

MAIL = (
    b"From: Tito <tito@example.com>\r\nTo: iqbal@example.com,\r\n\tsari@klinik.example\r\nSubject:  Halo\r\n dunia \r\n"
    b"Date: Tue, 24 Nov 2026 09:00:00 +0700\r\nMessage-ID: <1@example.com>\r\n"
    b"\r\nApa  kabar? \r\n\r\nBaik.\t\r\n\r\n\r\n"
)
RSA = generate("example.com", "r1", Algorithm.RSA)
ED25519 = generate("example.com", "e1", Algorithm.ED25519)
KEYS = pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])

# RFC 8463 appendix A.
EXAMPLE_RECORD = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
EXAMPLE = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")


def published(*keys: DkimKey) -> dict[str, str]:
    return dict(map(public_record, keys))


async def results(mail: bytes, records: dict[str, str], now: float | None = None) -> list[tuple[str, str]]:
    async def lookup(name: str) -> Sequence[str]:
        return [records[name]] if name in records else []

    return [(item.result, item.reason) for item in await verify(mail, lookup, now)]


async def test_the_example_of_rfc_8463_verifies() -> None:
    assert await results(EXAMPLE, {"brisbane._domainkey.football.example.com": EXAMPLE_RECORD}) == [
        ("pass", "")
    ]


@KEYS
async def test_a_signature_verifies_and_may_be_folded_anew(key: DkimKey) -> None:
    signed = sign(MAIL, [key]) + MAIL
    assert await results(signed, published(key)) == [("pass", "")]
    refolded = signed.replace(b"To: iqbal@example.com,\r\n\t", b"to:  iqbal@example.com, ").replace(
        b"kabar? ", b"kabar?"
    )
    assert await results(refolded, published(key)) == [("pass", "")]


async def test_both_keys_sign_one_message() -> None:
    signed = sign(MAIL, [RSA, ED25519]) + MAIL
    assert await results(signed, published(RSA, ED25519)) == [("pass", ""), ("pass", "")]


@KEYS
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Baik", b"Buruk", "the body was changed"),
        (b"Halo", b"Hallo", "the signature is wrong"),
        (b"\r\n\r\n", b"\r\nSubject: another\r\n\r\n", "the signature is wrong"),
        (b"\r\n\r\n", b"\r\nFrom: mallory@example.net\r\n\r\n", "the signature is wrong"),
        (b"\r\n\r\n", b"\r\nReply-To: mallory@example.net\r\n\r\n", "the signature is wrong"),
    ],
    ids=["body", "subject", "second subject", "second from", "reply-to"],
)
async def test_a_change_is_noticed(key: DkimKey, old: bytes, new: bytes, reason: str) -> None:
    forged = sign(MAIL, [key]) + MAIL.replace(old, new, 1)
    assert await results(forged, published(key)) == [("fail", reason)]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("v=DKIM1; p=", ("permerror", "the key was revoked")),
        ("v=DKIM1; k=dsa; p=AAAA", ("permerror", "the key record is malformed")),
        ("v=DKIM2; p=AAAA", ("permerror", "the key record is malformed")),
        ("v=DKIM1; h=sha1; p=AAAA", ("permerror", "the key does not allow sha256")),
        (public_record(ED25519)[1], ("permerror", "key and algorithm differ")),
        ("p=\N{SNOWMAN}", ("permerror", "malformed base64")),
    ],
    ids=["revoked", "algorithm", "version", "hash", "other key", "base64"],
)
async def test_key_records_that_are_no_good(record: str, expected: tuple[str, str]) -> None:
    assert await results(sign(MAIL, [RSA]) + MAIL, {"r1._domainkey.example.com": record}) == [expected]


async def test_no_key_and_no_dns() -> None:
    assert await results(sign(MAIL, [RSA]) + MAIL, {}) == [("permerror", "no key for the signature")]

    async def silent(_name: str) -> Sequence[str]:
        raise TimeoutError

    assert [item.result for item in await verify(sign(MAIL, [RSA]) + MAIL, silent)] == ["temperror"]


async def test_an_expired_signature_and_one_without_from() -> None:
    header = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=r1; h=From; x=1000; bh=AAAA; b=AAAA\r\n"
    assert await results(header + MAIL, published(RSA)) == [("fail", "the signature has expired")]
    header = header.replace(b"h=From", b"h=To")
    assert await results(header + MAIL, published(RSA)) == [("permerror", "From is not signed")]


async def test_thousands_of_signatures_cost_ten() -> None:
    header = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=r1; h=From; bh=AAAA; b=AAAA\r\n"
    assert len(await results(header * 5_000 + MAIL, published(RSA))) == 10


async def test_garbage_gives_a_result_and_never_an_exception() -> None:
    dice = random.Random(20261124)
    good = sign(MAIL, [RSA, ED25519])
    for _ in range(300):
        octets = bytearray(good)
        for _ in range(dice.randint(1, 8)):
            octets[dice.randrange(18, len(octets) - 2)] = dice.choice(b"\x00\r\n\t ;=:,abc\xff0123")
        await results(bytes(octets) + MAIL, published(RSA, ED25519), now=0)


def test_canonical_forms_of_rfc_6376_3_4_5() -> None:
    fields, body = split(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n")
    assert [relaxed_header(*field) for field in fields] == [b"a:X\r\n", b"b:Y Z\r\n"]
    assert relaxed_body(body) == b" C\r\nD E\r\n"
    assert simple_body(body) == b" C \r\nD \t E\r\n"
    assert (relaxed_body(b""), simple_body(b""), relaxed_body(b"\r\n\r\n")) == (b"", b"\r\n", b"")


@KEYS
def test_a_key_survives_its_pem(key: DkimKey) -> None:
    again = load(key.domain, key.selector, key.pem())
    assert public_record(again) == public_record(key)
    with pytest.raises(Invalid, match=r"r1 of example\.com"):
        load("example.com", "r1", b"not a key")


def test_no_line_of_the_header_is_long() -> None:
    assert max(map(len, sign(MAIL, [RSA, ED25519]).split(b"\r\n"))) <= 80


def test_hostile_headers_are_split_in_linear_time() -> None:
    # Each took minutes with a pattern that may begin anywhere or give back what it matched.
    for junk in (b"a" * 1_000_000, b"a:" + b"b" * 1_000_000 + b"\r", b"a:b\r\n" + b" c\r\n" * 50_000 + b"\r"):
        split(junk + b"\r\n\r\n")
