"""No input raises, output stays bounded; on well-made mail we agree with the standard library."""

from __future__ import annotations

import email
import email.policy
import random
import re
from email.message import EmailMessage

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from merpati.message import Part, Section, addresses, decode_header, parse, readable, section, summarise

# Bytes that mean something to a mail parser, so that random strings reach its corners.
FRAGMENTS = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\0", b"\xff", b"\xc3\xa9", b"--b", b"--b--", b"\r\n--b\r\n",
        b"\r\n--b--\r\n", b"Content-Type: ", b"multipart/mixed; boundary=b\r\n", b"multipart/digest; boundary=b",
        b"message/rfc822\r\n\r\n", b"text/html; charset=utf-7\r\n", b"; name*0*=utf-8''%zz; name*1=x", b"; x=\"",
        b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 1 x\r\n", b"Content-Disposition: attachment; filename=",
        b"From: ", b"To: ", b"Subject: ", b"Date: ", b"References: <a> <", b"=?utf-8?Q?=C3?=", b"=?utf-8?B?", b"?=",
        b"<", b">", b"@", b":", b";", b",", b'"', b"\\", b"(", b")", b"[", b"]", b"a", b"=", b"<style>", b"&#xd800;",
    ]
)  # fmt: skip
HOSTILE = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=60).map(b"".join)
LITERAL = re.compile(rb"\{(\d+)\}\r\n")


def assert_wire_form(item: bytes) -> None:
    """Balanced parentheses outside of strings, no 8-bit and no line end outside of literals, no NUL."""
    assert b"\0" not in item
    depth, position = 0, 0
    while position < len(item):
        character = item[position : position + 1]
        if character == b'"':
            end = re.compile(rb'"(?:[^"\\\r\n\x80-\xff]|\\["\\])*"').match(item, position)
            assert end, item[position : position + 80]
            position = end.end()
            continue
        if character == b"{":
            literal = LITERAL.match(item, position)
            assert literal
            position = literal.end() + int(literal[1])
            continue
        assert character in b"( )NIL0123456789", item[max(position - 20, 0) : position + 20]
        depth += {b"(": 1, b")": -1}.get(character, 0)
        assert depth >= 0
        position += 1
    assert depth == 0


@seed(9051)
@settings(max_examples=600, deadline=None)
@given(HOSTILE)
def test_any_bytes_are_read(data: bytes) -> None:
    summary = summarise(data)
    for item in (summary.envelope, summary.body, summary.bodystructure):
        assert_wire_form(item)
        assert len(item) < 40 * len(data) + 1_000
    for text in (summary.subject, summary.from_text, summary.to_text, summary.preview):
        assert "\0" not in text
        text.encode()
    root = parse(data)
    for part in root.walk():
        assert 0 <= part.header_start <= part.body_start <= part.end <= len(data)
        part.text(data).encode()
        assert part.filename is None or "/" not in part.filename
        sent = section(data, root, Section(part.number))
        assert sent is not None
        if root.find(part.number) is part:  # not the root inside message/rfc822, which shares its number
            assert len(sent) == (part.size if part.number else len(data))
    readable(root)


@seed(2047)
@settings(max_examples=400, deadline=None)
@given(HOSTILE)
def test_any_field_is_read(raw: bytes) -> None:
    decode_header(raw).encode()
    for item in addresses(raw):
        item.address.encode()


@seed(3501)
@settings(max_examples=200, deadline=None)
@given(HOSTILE, HOSTILE)
def test_any_part_of_a_multipart_is_read(first: bytes, second: bytes) -> None:
    data = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + first + b"\r\n--b\r\n" + second
    summary = summarise(data)
    assert_wire_form(summary.bodystructure)
    assert parse(data).children


@pytest.mark.parametrize(
    "piece",
    [
        b"a",
        b"<",
        b'"',
        b"(",
        b"\\",
        b",",
        b"a,",
        b"=?",
        b"=?a?b?",
        b"<a",
        b"a:",
        b"a;",
        b"[",
        b"\r\n ",
        b" ",
        b"@",
    ],
)
@pytest.mark.parametrize(
    "name", [b"From", b"Subject", b"Content-Type", b"Date", b"References", b"Content-Language"]
)
def test_giant_field_is_bounded(name: bytes, piece: bytes) -> None:
    """A field of 300 KB in one repeated piece: whoever scans it twice for each byte never ends."""
    data = name + b": " + piece * (300_000 // len(piece)) + b"\r\n\r\nbody"
    summary = summarise(data)
    assert len(summary.envelope) < 6 * 256 * 1024 + 1_000  # three fields, each character escaped
    assert len(summary.headers) <= 256 * 1024


def _generated(chance: random.Random) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = chance.choice(
        ["Tito <tito@example.com>", "iqbal@example.com", '"Ünal, Å" <u@example.com>']
    )
    mail["To"] = ", ".join(f"User {number} <u{number}@example.com>" for number in range(chance.randint(1, 5)))
    mail["Subject"] = chance.choice(["plain", "Überraschung für dich", "x" * 200, "日本語の件名" * 8])
    mail.set_content(
        "Halo,\n" + chance.choice(["text\n", "größer\n", "–" * 100 + "\n"]) * chance.randint(1, 9)
    )
    if chance.random() < 0.5:
        mail.add_alternative("<p>Halo <b>dunia</b></p>", subtype="html")
    for number in range(chance.randint(0, 3)):
        kind = chance.choice(["application/pdf", "image/png", "text/csv", "message"])
        if kind == "message":
            inner = EmailMessage()
            inner["Subject"] = "inner"
            inner.set_content("inner text\n")
            mail.add_attachment(inner)
        else:
            main, sub = kind.split("/")
            name = f"lampiran {number} é.{sub}"
            mail.add_attachment(chance.randbytes(200), maintype=main, subtype=sub, filename=name)
    return mail


def _leaves(root: Part) -> list[Part]:
    return [part for part in root.walk() if not part.children and part.message is None]


@pytest.mark.parametrize("number", range(60))
def test_agrees_with_the_standard_library(number: int) -> None:
    made = _generated(random.Random(number))
    data = made.as_bytes(policy=email.policy.SMTP.clone(max_line_length=line_length(number)))
    theirs = email.message_from_bytes(data, policy=email.policy.SMTP)
    root = parse(data)
    summary = summarise(data)
    assert summary.subject == theirs["Subject"]
    assert [item.address for item in addresses(root.fields[b"to"])] == [
        item.addr_spec for item in theirs["To"].addresses
    ]
    expected = [part for part in theirs.walk() if not part.is_multipart()]
    ours = _leaves(root)
    assert [part.content_type for part in ours] == [part.get_content_type() for part in expected]
    assert [part.content(data) for part in ours] == [part.get_payload(decode=True) for part in expected]
    assert [part.filename for part in ours] == [part.get_filename() for part in expected]
    assert [part.defects for part in root.walk()] == [[]] * len(list(root.walk()))
    assert summary.has_attachment == any(part.is_attachment() for part in theirs.walk())


def line_length(number: int) -> int:
    return (78, 60, 200)[number % 3]
