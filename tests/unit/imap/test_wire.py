"""Tokens, sets, names and values of IMAP's grammar."""

from __future__ import annotations

from array import array
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from merpati_imap_pop.imap.wire import arguments, mutf7, sequence, values
from merpati_imap_pop.imap.wire.cursor import Cursor
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.fetch_items import Section, parse_fetch
from merpati_imap_pop.imap.wire.search_keys import AllOf, AnyOf, Dated, HasFlag, InHeader, Not, parse_search


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", b"INBOX"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("R&D", b"R&-D"),
        ("台北/日本語", b"&U,BTFw-/&ZeVnLIqe-"),
        ("😀", b"&2D3eAA-"),
        ("a\tb", b"a&AAk-b"),
    ],
)
def test_modified_utf7(name: str, wire: bytes) -> None:
    assert mutf7.encode(name) == wire
    assert mutf7.decode(wire) == name


@pytest.mark.parametrize(
    "wire", [b"&", b"a&b", b"&AGE-", b"&2D0-", b"&APw", b"caf\xc3\xa9", b"&APw-&APw-", b"&====-"]
)
def test_what_is_not_modified_utf7(wire: bytes) -> None:
    with pytest.raises(WireError):
        mutf7.decode(wire)


def test_sequence_sets() -> None:
    assert sequence.parse(b"1:3,2:5,9,7:*").resolve(8) == [(1, 5), (7, 9)]
    assert sequence.parse(b"*").resolve(8) == [(8, 8)]
    assert sequence.parse(b"5:2").resolve(8) == [(2, 5)]
    uids = array("Q", [3, 5, 9])
    assert list(sequence.parse(b"4:*").uid_indexes(uids)) == [1, 2]
    assert list(sequence.parse(b"100:*").uid_indexes(uids)) == [2]  # RFC 9051 9: * is 9, so 9:100
    assert list(sequence.parse(b"10:20").uid_indexes(uids)) == []
    assert list(sequence.parse(b"1,3").number_indexes(3)) == [0, 2]
    assert list(sequence.parse(b"1:*").uid_indexes(array("Q"))) == []


@pytest.mark.parametrize("text", [b"", b"0", b"1:", b":2", b"1,,2", b"a", b"4294967296", b"1:2:3", b"-1"])
def test_what_is_no_set(text: bytes) -> None:
    with pytest.raises(WireError):
        sequence.parse(text)


@pytest.mark.parametrize(("text", "count"), [(b"4", 3), (b"1:4", 3), (b"1", 0), (b"*", 0)])
def test_numbers_that_do_not_exist(text: bytes, count: int) -> None:
    with pytest.raises(WireError):
        sequence.parse(text).number_indexes(count)


def test_compress_keeps_order() -> None:
    assert sequence.compress([1, 2, 3, 7, 9, 8]) == b"1:3,7,9,8"
    assert sequence.compress([]) == b""


def test_strings() -> None:
    assert Cursor(b'"a\\"b\\\\"').string() == b'a"b\\'
    assert Cursor(b"{3}\r\na\r\n").string() == b"a\r\n"
    assert Cursor(b"a]b").astring() == b"a]b"
    assert Cursor(b"NIL").nstring() is None
    for broken in (b'"a', b'"a\\b"', b'"a\r\nb"', b"{5}\r\nabc", b"", b"(", b'"\x00"'):
        with pytest.raises(WireError):
            Cursor(broken).astring()


def test_values() -> None:
    assert values.string(b'a"b\\') == b'"a\\"b\\\\"'
    assert values.string(b"a\r\nb") == b"{4}\r\na\r\nb"
    assert values.string(b"\xff") == b"{1}\r\n\xff"
    assert values.string(b"") == b'""'
    assert values.astring(b"abc") == b"abc"
    assert values.astring(b"nil") == b'"nil"'
    assert values.astring(b"a b") == b'"a b"'
    moment = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
    assert values.date_time(moment, -210) == b'"23-Nov-2026 21:32:03 -0330"'
    assert (
        values.date_time(moment.astimezone(timezone(timedelta(hours=7))), 420)
        == b'"24-Nov-2026 08:02:03 +0700"'
    )


def test_inbox_in_any_case() -> None:
    assert arguments.mailbox(Cursor(b"inBox")) == "INBOX"
    assert arguments.mailbox(Cursor(b'"iNBOX/a"')) == "INBOX/a"
    assert arguments.mailbox(Cursor(b"Inboxes")) == "Inboxes"


def test_append() -> None:
    append = arguments.append(Cursor(b'a (\\Seen x) " 7-Jul-1996 02:44:25 -0730" {2}\r\nhi'))
    assert (append.mailbox, append.flags, append.data) == ("a", ("\\Seen", "x"), b"hi")
    assert append.received_at == datetime(1996, 7, 7, 10, 14, 25, tzinfo=UTC)
    for broken in (
        b"a (\\Seen {1}\r\nx",
        b'a "40-Jul-1996 02:44:25 +0000" {1}\r\nx',
        b'a "01-Jan-0001 00:00:00 +1400" {1}\r\nx',
    ):
        with pytest.raises(WireError):
            arguments.append(Cursor(broken))


def test_fetch_items() -> None:
    fetch = parse_fetch(Cursor(b'1:2 (flags body[1.2.header.fields.not (To "a b")]<5.10> BODY.PEEK[] UID)'))
    assert fetch.items == (
        "FLAGS",
        Section(
            b'BODY[1.2.HEADER.FIELDS.NOT (To "a b")]<5>', "1.2", "HEADER.FIELDS.NOT", (b"To", b"a b"), (5, 10)
        ),
        Section(b"BODY[]", peek=True),
        "UID",
    )
    assert parse_fetch(Cursor(b"1 FULL")).items[-1] == "BODY"
    assert parse_fetch(Cursor(b"1 FLAGS (CHANGEDSINCE 5)")).items == ("FLAGS", "MODSEQ")
    for broken in (
        b"1",
        b"1 ()",
        b"1 BODY[",
        b"1 BODY[MIME]",
        b"1 BODY[1.]",
        b"1 BODY[0]",
        b"1 (ALL)x",
        b"1 BODY[]<0.0>",
    ):
        with pytest.raises(WireError):
            parse_fetch(Cursor(b"1" + broken))


def test_search_keys() -> None:
    assert parse_search(Cursor(b"unseen from Tito")).key == AllOf(
        (Not(HasFlag("\\Seen")), InHeader(b"from", "Tito"))
    )
    assert parse_search(Cursor(b"or (deleted) not sentsince 1-Feb-2026")).key == AnyOf(
        (HasFlag("\\Deleted"), Not(Dated(True, "SINCE", date(2026, 2, 1))))
    )
    assert parse_search(Cursor(b"return () all")).results == frozenset({"ALL"})
    with pytest.raises(WireError):
        parse_search(Cursor(b"(" * 200 + b"all" + b")" * 200))
    with pytest.raises(WireError):
        parse_search(Cursor(b"not " * 200 + b"all"))
    with pytest.raises(WireError):
        parse_search(Cursor(b"seen " * 5000 + b"seen"))
