"""Header fields that submission adds, reads and removes."""

from __future__ import annotations

from datetime import UTC, datetime

from merpati.submission.complete import authors, header_of, missing, without_bcc

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def test_what_is_missing_is_added() -> None:
    assert missing(b"Subject: x\r\n", "tito@example.com", "id1", NOW) == (
        b"Date: Tue, 24 Nov 2026 09:30:00 +0000\r\n"
        b"Message-ID: <id1@example.com>\r\n"
        b"From: tito@example.com\r\n"
    )


def test_what_is_there_is_kept() -> None:
    header = b"date: whenever\r\nMESSAGE-ID: <x@y>\r\nFrom: a@b\r\n"
    assert missing(header, "tito@example.com", "id1", NOW) == b""


def test_every_from_field_counts() -> None:
    assert authors(b"From: A <a@x>, b@x\r\nSubject: From: c@x\r\nfrom: d@x\r\n") == {"a@x", "b@x", "d@x"}
    assert authors(b"From: undisclosed:;\r\n") == set()


def test_the_header_ends_where_the_body_begins() -> None:
    assert header_of(b"a: b\r\n\r\nFrom: x@y\r\n") == b"a: b\r\n\r\n"
    assert header_of(b"") == b""


def test_bcc_goes_and_nothing_else() -> None:
    data = b"To: a@x\r\nBcc: b@x,\r\n c@x\r\nBCC : d@x\r\nX-Bcc: kept\r\n\r\nBcc: body\r\n"
    assert without_bcc(data) == b"To: a@x\r\nX-Bcc: kept\r\n\r\nBcc: body\r\n"
