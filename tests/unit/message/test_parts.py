"""Part trees, sections and readable parts, of good mail and of the mail that really comes."""

from __future__ import annotations

import pytest

from merpati.message import Section, parse, readable, section, summarise


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


# The structure of RFC 3501 6.4.5: two texts, a message with two parts, and a nested multipart.
RFC_3501_6_4_5 = crlf("""From: a@x
Subject: root
Content-Type: multipart/mixed; boundary=top

preamble
--top

one
--top
Content-Type: application/octet-stream

two
--top
Content-Type: message/rfc822

From: b@x
Subject: three
Content-Type: multipart/mixed; boundary=in3

--in3
Content-Type: text/plain

three-one
--in3
Content-Type: application/octet-stream

three-two
--in3--
--top
Content-Type: multipart/mixed; boundary=in4

--in4
Content-Type: image/gif

four-one
--in4
Content-Type: message/rfc822

Subject: four-two
Content-Type: multipart/mixed; boundary=in42

--in42
Content-Type: text/plain

four-two-one
--in42
Content-Type: multipart/alternative; boundary=in422

--in422

four-two-two-one
--in422
Content-Type: text/richtext

four-two-two-two
--in422--
--in42--
--in4--
--top--
epilogue
""")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("1", b"one"),
        ("1.MIME", b"\r\n"),
        ("2", b"two"),
        ("2.MIME", b"Content-Type: application/octet-stream\r\n\r\n"),
        ("3.HEADER", b"From: b@x\r\nSubject: three\r\nContent-Type: multipart/mixed; boundary=in3\r\n\r\n"),
        ("3.HEADER.FIELDS (Subject)", b"Subject: three\r\n\r\n"),
        ("3.HEADER.FIELDS.NOT (Subject Content-Type)", b"From: b@x\r\n\r\n"),
        ("3.1", b"three-one"),
        ("3.1.MIME", b"Content-Type: text/plain\r\n\r\n"),
        ("3.2", b"three-two"),
        ("4.1", b"four-one"),
        ("4.1.MIME", b"Content-Type: image/gif\r\n\r\n"),
        ("4.2.HEADER.FIELDS (subject)", b"Subject: four-two\r\n\r\n"),
        ("4.2.1", b"four-two-one"),
        ("4.2.2.1", b"four-two-two-one"),
        ("4.2.2.2", b"four-two-two-two"),
        ("HEADER.FIELDS (SUBJECT FROM)", b"From: a@x\r\nSubject: root\r\n\r\n"),
        ("HEADER.FIELDS (X-None)", b"\r\n"),
        ("HEADER", RFC_3501_6_4_5.partition(b"preamble")[0]),
        ("TEXT", RFC_3501_6_4_5[RFC_3501_6_4_5.index(b"preamble") :]),
        ("", RFC_3501_6_4_5),
        ("5", None),
        ("0", None),
        ("1.1", None),
        ("1.HEADER", None),
        ("1.TEXT", None),
        ("4.HEADER", None),
        ("999999999999.1", None),
    ],
)
def test_sections_of_rfc_3501_6_4_5(spec: str, expected: bytes | None) -> None:
    assert section(RFC_3501_6_4_5, parse(RFC_3501_6_4_5), spec) == expected


@pytest.mark.parametrize(
    "spec", ["MIME", "TEXT.1", "1.FOO", "HEADER.FIELDS", "HEADER (A)", "1..2", ".1", "1."]
)
def test_section_syntax(spec: str) -> None:
    assert Section.parse(spec) is None


def test_numbers_lead_to_their_parts() -> None:
    root = parse(RFC_3501_6_4_5)
    numbers = [part.number for part in root.walk()]
    assert numbers == "_ 1 2 3 3 3.1 3.2 4 4.1 4.2 4.2 4.2.1 4.2.2 4.2.2.1 4.2.2.2".replace("_", "").split(
        " "
    )
    for part in root.walk():
        if part.number and part.header_start and not part.children:
            assert root.find(part.number) is part or part.message is not None


def test_message_without_parts() -> None:
    data = b"Subject: s\r\n\r\nbody\r\n"
    root = parse(data)
    assert section(data, root, "1") == b"body\r\n"
    assert section(data, root, "1.MIME") == b"Subject: s\r\n\r\n"
    assert section(data, root, "2") is None
    assert section(data, root, "1.1") is None


def test_message_that_is_a_message() -> None:
    data = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody"
    root = parse(data)
    assert section(data, root, "1.HEADER") == b"Subject: in\r\n\r\n"
    assert section(data, root, "1.1") == b"body"
    assert section(data, root, "1.1.1") is None


BROKEN = {
    "no boundary parameter": ("Content-Type: multipart/mixed\n\nhello\n", "text/plain", 0),
    "boundary never used": ("Content-Type: multipart/mixed; boundary=x\n\nhello\n", "text/plain", 0),
    "never closed": ("Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n", "multipart/mixed", 1),
    "cut in the header of a part": (
        "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x\nContent-Ty",
        "multipart/mixed",
        2,
    ),
    "blank behind the boundary": (
        "Content-Type: multipart/mixed; boundary=x\n\n--x  \n\nhello\n--x--\t\n",
        "multipart/mixed",
        1,
    ),
    "inner boundary begins with the outer": (
        "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=x1\n\n"
        "--x1\n\nhello\n--x1--\n--x--\n",
        "multipart/mixed",
        1,
    ),
    "inner one never closed": (
        "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\n\nhello\n--a\n\nsecond\n--a--\n",
        "multipart/mixed",
        2,
    ),
    "type without a slash": ("Content-Type: text\n\nhello\n", "text/plain", 0),
    "empty type": ("Content-Type:\n\nhello\n", "text/plain", 0),
    "adjacent boundaries": (
        "Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n\nhello\n--x--\n",
        "multipart/mixed",
        2,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_broken_mail_is_still_read(name: str, line_end: str) -> None:
    text, content_type, children = BROKEN[name]
    data = text.replace("\n", line_end).encode()
    root = parse(data)
    assert (root.content_type, len(root.children)) == (content_type, children)
    texts = [part.text(data) for part in root.walk() if not part.children]
    assert any("hello" in found for found in texts)
    assert all("--" not in found for found in texts)


def test_defects_are_named() -> None:
    data = crlf(
        "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Transfer-Encoding: rot13\n\nhello\n"
    )
    root = parse(data)
    assert root.defects == ["multipart without its closing boundary"]
    assert root.children[0].defects == ["unknown Content-Transfer-Encoding"]


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        ("BASE64", b"aGVsbG8", b"hello"),
        ("base64", b"aGVs!bG8=", b"hello"),
        ("base64", b"aGVsbG8=aGVsbG8=", b"hellohello"),
        ("base64", b"a", b""),
        ("quoted-printable", b"caf=C3=A9 =\r\nnext", b"caf\xc3\xa9 next"),
        ("quoted-printable", b"100=% =ZZ", b"100=% =ZZ"),
        ("7bit", b"caf\xc3\xa9", b"caf\xc3\xa9"),
        ("x-uuencode", b"begin 644 f\r\n%:&5L;&\\\r\n`\r\nend\r\n", b"hello"),
        ("unheard-of", b"hello", b"hello"),
    ],
)
def test_transfer_encodings(encoding: str, body: bytes, content: bytes) -> None:
    data = b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body
    assert parse(data).content(data) == content


def test_digest_defaults_to_messages() -> None:
    data = crlf(
        "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: one\n\nhello\n--x\n\nSubject: two\n\n--x--\n"
    )
    root = parse(data)
    assert [part.content_type for part in root.children] == ["message/rfc822"] * 2
    assert section(data, root, "1.HEADER") == b"Subject: one\r\n\r\n"


def test_thousand_part_bomb_and_its_bound() -> None:
    data = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 50_000
    root = parse(data)
    assert len(root.children) <= 10_000
    assert "too many parts: the rest is left out" in root.defects


def test_boundary_look_alikes_are_bounded() -> None:
    data = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n" + b"--xy\r\n" * 100_000
    assert len(parse(data).children) == 1


def test_deep_nesting_ends() -> None:
    data = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(1_000)
    )
    parts = list(parse(data).walk())
    assert len(parts) <= 52
    assert parts[-1].defects[0] == "parts nested too deeply"
    nested = parse(b"Content-Type: message/rfc822\r\n\r\n" * 1_000)
    assert len(list(nested.walk())) <= 52
    summarise(data)


MIXED = crlf("""Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/related; boundary=r

--r
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain

plain
--a
Content-Type: text/html

<img src="cid:logo@x">
--a--
--r
Content-Type: image/png; name=logo.png
Content-ID: <logo@x>

PNG
--r--
--m
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf

PDF
--m
Content-Type: message/rfc822

Subject: forwarded

inner
--m
Content-Type: text/plain

list footer
--m--
""")


def test_readable() -> None:
    found = readable(parse(MIXED))
    assert found.plain is not None and found.plain.text(MIXED) == "plain"
    assert found.html is not None and found.html.number == "1.1.2"
    assert list(found.inline) == ["logo@x"]
    assert [part.content_type for part in found.attachments] == ["application/pdf", "message/rfc822"]
    assert found.attachments[0].filename == "résumé.pdf"
    assert [part.text(MIXED) for part in found.more] == ["list footer"]


def test_image_that_no_html_shows_is_an_attachment() -> None:
    data = crlf(
        "Content-Type: multipart/related; boundary=r\n\n--r\n\nhi\n--r\n"
        "Content-Type: image/png\nContent-ID: <a@b>\n\nPNG\n--r--\n"
    )
    found = readable(parse(data))
    assert not found.inline
    assert [part.content_type for part in found.attachments] == ["image/png"]


def test_attached_text_is_no_body() -> None:
    data = crlf(
        "Content-Type: multipart/mixed; boundary=r\n\n--r\nContent-Disposition: attachment; filename=log.txt\n\n"
        "log\n--r\n\nbody\n--r--\n"
    )
    found = readable(parse(data))
    assert found.plain is not None and found.plain.text(data) == "body"
    assert [part.filename for part in found.attachments] == ["log.txt"]
