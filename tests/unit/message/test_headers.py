"""Header blocks, encoded words, parameters, dates and charsets, with what real software sends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from merpati.message import (
    LISTED,
    Address,
    addresses,
    decode_header,
    header_end,
    headers,
    normalise_line_ends,
    parse,
    parse_date,
    select_lines,
)
from merpati.message.charsets import clean, decode
from merpati.message.parameters import decode_pairs, parse_valued, safe_filename


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody", 6),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"A: b\r\nno body", 13),
        (b"A: b\n\nbody\r\n\r\nmore", 6),
        (b"", 0),
    ],
)
def test_header_end(data: bytes, end: int) -> None:
    assert header_end(data) == end


def test_headers_keep_folds_and_pass_over_rubbish() -> None:
    data = b"From me with love\r\nA: b\r\n\tc\r\nrubbish\r\nX-Y : z\r\n\xff\xfe: no\r\n\r\nB: not me"
    assert headers(data) == [(b"A", b" b\r\n\tc\r"), (b"X-Y", b" z\r")]


def test_select_lines() -> None:
    data = b"From: a\r\nX: 1\r\nTo: b,\r\n c\r\nx: 2\r\n\r\nX: body"
    assert select_lines(data, {b"from", b"to"}) == b"From: a\r\nTo: b,\r\n c\r\n"
    assert select_lines(data, {b"x"}) == b"X: 1\r\nx: 2\r\n"
    assert select_lines(data, {b"x"}, inverse=True) == b"From: a\r\nTo: b,\r\n c\r\n"


def test_recipient_headers_are_not_listed() -> None:
    assert not LISTED & {b"received", b"return-path", b"delivered-to"}
    assert {name.lower() for name in LISTED} == LISTED


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        # RFC 2047 8
        (b"=?ISO-8859-1?Q?a?=", "a"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        (b"=?utf-8?B?w6k=?=", "é"),
        (b"=?utf-8?B?w6k?=", "é"),  # no padding
        (b"=?utf-8?B?w?= =?utf-8?B?6k=?=", "\ufffd"),  # a word that is not even base64
        (b"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é"),  # a character split over two words
        (b"=?utf-8?Q?two words?=", "two words"),  # blanks inside a word
        (b"=?nonsense?Q?caf=C3=A9?=", "café"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        (b"=?utf-8?Q?unterminated", "=?utf-8?Q?unterminated"),
        (b"caf\xc3\xa9", "café"),  # raw UTF-8
        (b"caf\xe9", "café"),  # raw Latin-1
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?gb2312?B?1tDOxA==?=", "中文"),
        (b"=?koi8-r?Q?=F0=D2=C9=D7=C5=D4?=", "Привет"),
        (b"nul\0 and\r\n\tfold", "nul and fold"),
        (b"=?utf-8?Q?bad=00nul?=", "badnul"),
    ],
)
def test_decode_header(raw: bytes, text: str) -> None:
    assert decode_header(raw) == text


@pytest.mark.parametrize(
    ("raw", "value", "params"),
    [
        (b"text/plain; charset=utf-8", b"text/plain", {"charset": "utf-8"}),
        (b'multipart/mixed;\r\n\tboundary="a;b=\\"c"', b"multipart/mixed", {"boundary": 'a;b="c'}),
        (b"text/plain (comment); charset=x", b"text/plain", {"charset": "x"}),
        (b"application/pdf; name=my file.pdf", b"application/pdf", {"name": "my file.pdf"}),
        (b"a/b; name=*", b"a/b", {"name": "*"}),
        (b'a/b; name="unclosed', b"a/b", {"name": "unclosed"}),
        (b'a/b; name="C:\\dir\\f.txt"', b"a/b", {"name": "C:\\dir\\f.txt"}),
        (b"a/b;;; x=1;", b"a/b", {"x": "1"}),
        (b"a/b; charset=x (comment)", b"a/b", {"charset": "x"}),
        (b"a/b; name=report (1).pdf", b"a/b", {"name": "report (1).pdf"}),
        (b"a/b; novalue; x=1", b"a/b", {"x": "1"}),
        # RFC 2231 3 and 4.1
        (
            b'message/external-body; access-type=URL;\r\n URL*0="ftp://";\r\n'
            b' URL*1="cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"',
            b"message/external-body",
            {"access-type": "URL", "url": "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"},
        ),
        (
            b"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            b"application/x-stuff",
            {"title": "This is ***fun***"},
        ),
        (
            b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
            b' title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"',
            b"application/x-stuff",
            {"title": "This is even more ***fun*** isn't it!"},
        ),
        (b"a/b; name*=UTF-8''%e2%82%ac.pdf; name=EURO.pdf", b"a/b", {"name": "€.pdf"}),
        (b'a/b; name="=?utf-8?Q?=C3=A9.pdf?="', b"a/b", {"name": "é.pdf"}),
        (b"a/b; name*=no-quotes%20here", b"a/b", {"name": "no-quotes here"}),
    ],
)
def test_parameters(raw: bytes, value: bytes, params: dict[str, str]) -> None:
    parsed = parse_valued(raw)
    assert parsed.value == value
    assert decode_pairs(parsed.pairs) == params


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ("..", None),
        ("a\r\nb.txt", "ab.txt"),
        ("\u202egnp.exe", "gnp.exe"),  # right-to-left override
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_safe_filename(name: str, safe: str | None) -> None:
    assert safe_filename(name) == safe


@pytest.mark.parametrize(
    ("raw", "instant"),
    [
        (b"Tue, 24 Nov 2026 08:00:00 +0700", datetime(2026, 11, 24, 1, tzinfo=UTC)),
        (b" 1 Jan 2026 00:30 -0130 (comment)", datetime(2026, 1, 1, 2, tzinfo=UTC)),
        (b"Wed, 17 Jul 96 02:23:25 PDT", datetime(1996, 7, 17, 9, 23, 25, tzinfo=UTC)),
        (b"Thu Nov 24 08:06:45 2026", datetime(2026, 11, 24, 8, 6, 45, tzinfo=UTC)),
        (b"Sat, 31 Dec 2016 23:59:60 GMT", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"Tue, 31 Feb 2026 08:00:00 +0000", None),
        (b"Tue, 24 Nov 0000 08:00:00 +0000", None),
        (b"Fri, 31 Dec 9999 23:59:59 -2359", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_parse_date(raw: bytes, instant: datetime | None) -> None:
    assert parse_date(raw) == instant


def test_addresses_are_decoded() -> None:
    raw = b'=?utf-8?Q?J=C3=BCrgen?= <j@x.example>, "B, C" <b@y.example>, Team: a@z.example;, lone'
    assert addresses(raw) == [
        Address("Jürgen", "j", "x.example"),
        Address("B, C", "b", "y.example"),
        Address("", "a", "z.example"),
        Address("", "lone", ""),
    ]
    assert [item.address for item in addresses(raw)][-2:] == ["a@z.example", "lone"]


def test_thousands_of_addresses_are_bounded() -> None:
    assert len(addresses(b",".join(b"u%d@example.com" % number for number in range(10_000)))) == 2_000
    assert len(addresses(b'"x" <a@b>,' * 10_000)) == 2_000


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"\xe9", "iso-8859-1", "é"),
        (b"\x80", "ISO-8859-1", "€"),  # Windows under another name
        (b"\xc3\xa9", "us-ascii", "é"),
        (b"\xc3\xa9", "utf8", "é"),
        (b"x", "zlib", "x"),  # a Python codec, not a charset
        (b"xn--", "punycode", "xn--"),
        (b"\xff", "utf-8", "\ufffd"),
        (b"\xa4\xa4\xa4\xe5", "big5", "中文"),
        (b"\x82\xa0", "Shift_JIS", "あ"),
        (b"\xb1\xdb", "ks_c_5601-1987", "글"),
    ],
)
def test_decode(data: bytes, charset: str, text: str) -> None:
    assert decode(data, charset) == text


def test_clean_removes_what_postgres_refuses() -> None:
    assert clean("a\0b\ud800c\x1bd\ne") == "ab?cd\ne"
    assert decode(b"+2AA-", "utf-7")  # decodes to a lone surrogate ...
    part = parse(b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA-")
    part.text(b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA-").encode()  # ... which text() cleans


@pytest.mark.parametrize(
    ("data", "normal"),
    [
        (b"a\nb\r\nc\rd", b"a\r\nb\r\nc\r\nd"),
        (b"\r\r\n\n", b"\r\n\r\n\r\n"),
        (b"fine\r\n", b"fine\r\n"),
    ],
)
def test_normalise_line_ends(data: bytes, normal: bytes) -> None:
    assert normalise_line_ends(data) == normal
