"""ENVELOPE and BODYSTRUCTURE, byte for byte."""

from __future__ import annotations

import pytest

from merpati.message import envelope, first_values, headers, parse, string, structures, summarise

# The message of RFC 3501 8 (and RFC 9051 8), whose ENVELOPE and BODY are printed there.
RFC_3501_8 = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.washington.edu>\r\n"
    b"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
    b"To: imap@cac.washington.edu\r\n"
    b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    b"\r\n" + b"x" * 30 + b"\r\n"
)


def test_envelope_of_rfc_3501_section_8() -> None:
    assert envelope(first_values(headers(RFC_3501_8))) == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) '
        b'NIL NIL "<B27397-0100000@cac.washington.edu>")'
    )


def test_body_of_rfc_3501_section_8() -> None:
    body, extended = structures(parse(RFC_3501_8), RFC_3501_8)
    assert body == b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 32 1)'
    assert extended == b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 32 1 NIL NIL NIL NIL)'


def test_two_parts_of_rfc_3501_section_7_4_2() -> None:
    """The example of BODYSTRUCTURE: a text and a text attachment with a name and a Content-ID."""
    data = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n\r\nhello\r\nworld\r\n\r\n--b\r\n"
        b'Content-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME="cc.diff"\r\n'
        b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\n"
        b"Content-Description: Compiler diff\r\n"
        b"Content-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n--b--\r\n"
    )
    body, _ = structures(parse(data), data)
    assert body == (
        b'(("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 14 2)'
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") '
        b'"<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4 0) "MIXED")'
    )


def test_extension_data() -> None:
    data = (
        b"Content-Type: multipart/mixed; boundary=b; x=y\r\nContent-Language: en, id\r\n\r\n--b\r\n"
        b"Content-Type: application/pdf\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
        b'Content-Disposition: attachment; filename="a.pdf"; size=3\r\n'
        b"Content-Language: id\r\nContent-Location: http://example.com/\r\n a.pdf\r\n\r\nabc\r\n--b--"
    )
    _, extended = structures(parse(data), data)
    assert extended == (
        b'(("APPLICATION" "PDF" NIL NIL NIL "7BIT" 3 "Q2hlY2sgSW50ZWdyaXR5IQ==" '
        b'("attachment" ("FILENAME" "a.pdf" "SIZE" "3")) "id" "http://example.com/a.pdf") '
        b'"MIXED" ("BOUNDARY" "b" "X" "y") NIL ("en" "id") NIL)'
    )


def test_embedded_message_has_envelope_body_and_lines() -> None:
    inner = b"From: a@b\r\nSubject: inner\r\n\r\none\r\ntwo\r\n"
    data = b"Content-Type: message/rfc822\r\n\r\n" + inner
    body, _ = structures(parse(data), data)
    assert body == (
        b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" %d '
        b'(NIL "inner" ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL) '
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 10 2) 5)' % len(inner)
    )


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (b"", b'""'),
        (b"plain", b'"plain"'),
        (b'say "hi" \\', rb'"say \"hi\" \\"'),
        (b"gr\xc3\xbc\xc3\x9fe", b"{7}\r\ngr\xc3\xbc\xc3\x9fe"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"nul\0byte", b'"nulbyte"'),
    ],
)
def test_string(value: bytes, wire: bytes) -> None:
    assert string(value) == wire


@pytest.mark.parametrize(
    ("field", "wire"),
    [
        (b"undisclosed-recipients:;", b'((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))'),
        (
            b"Team: a@x, B <b@y>;, c@z",
            b'((NIL NIL "Team" NIL)(NIL NIL "a" "x")("B" NIL "b" "y")(NIL NIL NIL NIL)(NIL NIL "c" "z"))',
        ),
        (b"<@r1,@r2:u@h>", b'((NIL "@r1,@r2" "u" "h"))'),
        (b"u@h (Full Name)", b'(("Full Name" NIL "u" "h"))'),
        (b'"Doe, John" <j@d>', b'(("Doe, John" NIL "j" "d"))'),
        (b'"a \\"b\\" c" <j@d>', b'(("a \\"b\\" c" NIL "j" "d"))'),
        (b"Iqbal", b'((NIL NIL "Iqbal" "MISSING_DOMAIN"))'),
        (b"John Doe", b'(("John Doe" NIL "MISSING_MAILBOX" "MISSING_DOMAIN"))'),
        (b"=?utf-8?Q?J=C3=BCrgen?= <j@d>", b'(("=?utf-8?Q?J=C3=BCrgen?=" NIL "j" "d"))'),
        (b"u@[192.0.2.1]", b'((NIL NIL "u" "[192.0.2.1]"))'),
        (b'"quoted local"@h', b'((NIL NIL "quoted local" "h"))'),
        (b"u @ h . example", b'((NIL NIL "u" "h.example"))'),
        (b"A\tB <j@d>", b'(("A B" NIL "j" "d"))'),
        (b"John Q. Public <j@d>", b'(("John Q. Public" NIL "j" "d"))'),
        (b"j@d <j@d>", b'(("j@d" NIL "j" "d"))'),
        (b"A <a@x, B <b@y>", b'(("A" NIL "a" "x")("B" NIL "b" "y"))'),
        (b",, a@x,,", b'((NIL NIL "a" "x"))'),
        (b"", b"NIL"),
    ],
)
def test_address_lists(field: bytes, wire: bytes) -> None:
    assert envelope({b"to": field}) == b"(NIL NIL NIL NIL NIL %b NIL NIL NIL NIL)" % wire


def test_addresses_in_several_fields_are_joined() -> None:
    fields = first_values(headers(b"To: a@x\r\nSubject: one\r\nSubject: two\r\nTo: b@y\r\n\r\n"))
    assert envelope(fields) == (
        b'(NIL "one" NIL NIL NIL ((NIL NIL "a" "x")(NIL NIL "b" "y")) NIL NIL NIL NIL)'
    )


def test_empty_sender_and_reply_to_default_to_from() -> None:
    written = envelope({b"from": b"a@x", b"sender": b" ", b"reply-to": b""})
    assert written.count(b'((NIL NIL "a" "x"))') == 3


def test_output_stays_bounded() -> None:
    """Strings past the bound are NIL, so that a bomb can't fill the table."""
    part = b'--b\r\nContent-Type: text/plain; name="' + b"n" * 2_000 + b'"\r\n\r\nx\r\n'
    data = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 3_000
    summary = summarise(data)
    assert len(summary.bodystructure) < 1_000_000
    assert summary.bodystructure.count(b'"TEXT"') == 3_000
