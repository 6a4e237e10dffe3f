"""Summary: what the store keeps of a message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from merpati.message import summarise

MAIL = (
    b"Received: from a by b; Tue, 24 Nov 2026 08:00:00 +0700\r\n"
    b"Date: Tue, 24 Nov 2026 08:00:00 +0700\r\n"
    b"From: =?utf-8?Q?T=C3=ADto?= <tito@example.com>\r\n"
    b"To: Iqbal <iqbal@example.com>,\r\n sari@klinik.example\r\n"
    b"Subject: =?utf-8?B?TGFwb3JhbiDwn5OI?=\r\n"
    b"Message-ID: <m1@example.com>\r\n"
    b"In-Reply-To: <m0@example.com>\r\n"
    b"References: <r0@example.com> <m0@example.com>\r\n"
    b"X-Other: y\r\n\r\n"
    b"Selamat   pagi,\r\n\r\nlaporan terlampir.\r\n"
)


def test_summary() -> None:
    summary = summarise(MAIL)
    assert summary.size == len(MAIL)
    assert summary.subject == "Laporan 📈"
    assert summary.from_text == "Títo <tito@example.com>"
    assert summary.to_text == "Iqbal <iqbal@example.com>, sari@klinik.example"
    assert summary.preview == "Selamat pagi, laporan terlampir."
    assert summary.sent_at == datetime(2026, 11, 24, 1, tzinfo=UTC)
    assert summary.message_id == "<m1@example.com>"
    assert summary.reference_ids == ("<r0@example.com>", "<m0@example.com>")
    assert not summary.has_attachment
    assert not summary.eightbit
    assert summary.headers.startswith(b"Date: ")
    assert b"Received" not in summary.headers and b"X-Other" not in summary.headers
    assert b"To: Iqbal <iqbal@example.com>,\r\n sari@klinik.example\r\n" in summary.headers


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\0", b"no header at all", b"\xff\xfe\n\n\xff", b"Subject:"])
def test_next_to_nothing(data: bytes) -> None:
    summary = summarise(data)
    assert summary.envelope.startswith(b"(NIL") and summary.body.startswith(b'("TEXT" "PLAIN"')
    assert summary.message_id is None and summary.sent_at is None


def test_identifiers_fit_an_index() -> None:
    summary = summarise(
        b"Message-ID: <" + b"x" * 5_000 + b">\r\nReferences: " + b"<r%d@x> " * 9 + b"\r\n\r\n"
    )
    assert summary.message_id is not None and len(summary.message_id) == 500
    many = summarise(
        b"References: " + b" ".join(b"<r%d@x>" % number for number in range(1_000)) + b"\r\n\r\n"
    )
    assert len(many.reference_ids) == 200
    assert (many.reference_ids[0], many.reference_ids[-1]) == ("<r0@x>", "<r999@x>")


@pytest.mark.parametrize("raw", [b"m1@example.com", b" junk <m1@example.com> junk"])
def test_message_id_of_careless_software(raw: bytes) -> None:
    assert summarise(b"Message-ID: " + raw + b"\r\n\r\n").message_id in ("m1@example.com", "<m1@example.com>")


def test_preview_of_html_has_no_markup() -> None:
    page = (
        b"Content-Type: text/html\r\n\r\n<html><head><title>t</title><style>p{color:red}</style></head>"
        b"<!-- hidden --><body><p>Hello&nbsp;<b>w&ouml;rld</b></p><script>alert(1)</script></body>"
    )
    assert summarise(page).preview == "Hello wörld"


@pytest.mark.parametrize("filler", [b"<", b"<style>", b"<!--", b"&", b"<a "])
def test_preview_of_hostile_html_is_quick(filler: bytes) -> None:
    summarise(b"Content-Type: text/html\r\n\r\n" + filler * 20_000)


def test_preview_is_short_and_ends_at_a_word() -> None:
    preview = summarise(b"\r\n" + b"seven77 " * 500).preview
    assert len(preview) <= 201
    assert preview.endswith("seven77…")


def test_eightbit() -> None:
    assert summarise(b"Subject: x\r\n\r\ncaf\xc3\xa9").eightbit
