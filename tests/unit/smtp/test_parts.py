"""The small parts of the SMTP server: paths, clients' limits, bodies, SASL, replies."""

from __future__ import annotations

from pathlib import Path

import pytest

from merpati.delivery import Loop, Outcome, Undeliverable
from merpati.platform.errors import DiskFull, Invalid, OutcomeUnknown, Unavailable
from merpati.platform.settings import Settings, load
from merpati.store import SpooledFile, SpoolWriter
from merpati_smtp import replies
from merpati_smtp.server.address import parse_path
from merpati_smtp.server.body import SPILL, Body
from merpati_smtp.server.clients import Clients, client_key
from merpati_smtp.submission import sasl


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a@b.example>", ("a@b.example", "")),
        ("<a@b.example> SIZE=5 BODY=8BITMIME", ("a@b.example", "SIZE=5 BODY=8BITMIME")),
        ("<>", ("<>", "")),
        ("<> SIZE=1", ("<>", "SIZE=1")),
        ("<@relay.example,@other.example:a@b.example>", ("a@b.example", "")),
        ('<"a b>c"@b.example>', ('"a b>c"@b.example', "")),
        ('<"a\\"b"@b.example>', ('"a\\"b"@b.example', "")),
        ("<a@[192.0.2.1]>", ("a@[192.0.2.1]", "")),
        ("<a@[IPv6:2001:db8::1]>", ("a@[IPv6:2001:db8::1]", "")),
        ("<postmaster>", ("postmaster", "")),
        ("a@b.example SIZE=3", ("a@b.example", "SIZE=3")),
        ("<a+b=c@b.example>", ("a+b=c@b.example", "")),
        ("<a@b>x", None),
        ("<a@b.example", None),
        ("a b@c", None),
        ("<a@@b>", None),
        ("<a@b@c>", None),
        ("<a@-b>", None),
        ("<a\x00@b>", None),
        ("<" + "a" * 300 + "@b>", None),
        ("", None),
    ],
)
def test_paths(text: str, expected: tuple[str, str] | None) -> None:
    assert parse_path(text) == expected


def settings(tmp_path: Path, **overrides: object) -> Settings:
    return load(data=tmp_path, myhostname="mail.test", **overrides)


def test_one_customer_is_one_client() -> None:
    assert client_key("192.0.2.1") == "192.0.2.1"
    assert client_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_key("2001:db8:1:2:3::4") == client_key("2001:db8:1:2:ffff::1")


def test_connections_are_counted(tmp_path: Path) -> None:
    clients = Clients(
        settings(tmp_path, smtp_connection_limit=4, smtp_client_connection_limit=2, mynetworks="10.0.0.0/8")
    )
    assert clients.enter("192.0.2.1")
    assert clients.enter("192.0.2.1")
    assert not clients.enter("192.0.2.1")
    clients.leave("192.0.2.1")
    clients.leave("192.0.2.1")
    assert clients.enter("192.0.2.1")
    assert clients.enter("10.0.0.1")
    assert clients.enter("10.0.0.1")
    assert not clients.enter("10.0.0.1")  # the total counts for everyone


def test_rate_is_an_allowance_that_refills(tmp_path: Path) -> None:
    now = 0.0
    clients = Clients(settings(tmp_path, smtp_client_rate=60), clock=lambda: now)
    assert [clients.may_send("192.0.2.1") for _ in range(61)] == [True] * 60 + [False]
    assert clients.may_send("192.0.2.2")
    now = 2.0
    assert [clients.may_send("192.0.2.1") for _ in range(3)] == [True, True, False]


def test_bodies_spill_to_the_spool(tmp_path: Path) -> None:
    body = Body(10 * SPILL, lambda: SpoolWriter(tmp_path / "x", 7))
    for _ in range(20):
        body.add(b"0123456789abcdef" * (SPILL // 160))
    message = body.finish()
    assert isinstance(message, SpooledFile)
    assert message.path.stat().st_size == message.size == body.size + 7
    message.fill(b"1234567")
    assert message.path.read_bytes()[:10] == b"1234567012"


def test_too_big_a_body_is_only_counted(tmp_path: Path) -> None:
    body = Body(SPILL + 10, lambda: SpoolWriter(tmp_path / "x"))
    for _ in range(5):
        body.add(b"x" * SPILL)
    assert body.too_big
    assert not (tmp_path / "x").exists()
    assert body.size == 5 * SPILL


def test_a_spool_that_fails_is_told_at_the_end(tmp_path: Path) -> None:
    body = Body(10 * SPILL, lambda: SpoolWriter(tmp_path / "missing" / "x"))
    body.add(b"x" * (SPILL + 1))
    body.add(b"x")
    assert isinstance(body.failure, Unavailable)


def test_sasl() -> None:
    assert sasl.plain(b"\0tito@x\0pass:word") == sasl.Credentials("tito@x", "pass:word")
    assert sasl.plain(b"Tito@x\0tito@x\0p") == sasl.Credentials("tito@x", "p")
    for bad in (b"", b"a", b"a\0b", b"a\0b\0c\0d", b"\0\0p", b"other@x\0tito@x\0p"):
        with pytest.raises(Invalid):
            sasl.plain(bad)
    assert sasl.decode("=") == b""
    assert sasl.decode(b"AGEAYg==") == b"\0a\0b"
    for wrong in ("?", "AGEAYg=", "é"):
        with pytest.raises(sasl.NotBase64):
            sasl.decode(wrong)
    with pytest.raises(sasl.Aborted):
        sasl.decode(b"*")


def test_every_error_of_core_has_its_reply() -> None:
    assert replies.of_error(DiskFull("x")) == replies.DISK_FULL
    assert replies.of_error(OutcomeUnknown("x")) == replies.FAILED
    assert replies.of_error(Loop("x")) == replies.LOOP
    full = Undeliverable({"a": Outcome.OVER_QUOTA, "b": Outcome.UNKNOWN})
    assert replies.of_error(full) == replies.MAILBOX_FULL


@pytest.mark.parametrize(
    ("bare", "enhanced"),
    [
        ("250 OK", "250 2.0.0 OK"),
        ("503 Error: nested MAIL command", "503 5.5.1 nested MAIL command"),
        ("553 5.1.3 Error: malformed address", "553 5.1.3 Error: malformed address"),
        ("220 host ESMTP", "220 host ESMTP"),
        ("334 abc", "334 abc"),
        ("250-SIZE 5", "250-SIZE 5"),
    ],
)
def test_enhanced_codes(bare: str, enhanced: str) -> None:
    assert replies.enhance(bare) == enhanced
