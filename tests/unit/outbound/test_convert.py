"""Mail made fit for a 7-bit hop reads the same as before."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati_smtp.outbound.convert import LINE_LIMIT, Unconvertible, convert

TEXT = "Harga café naïve — 5 €\r\n"


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def assert_fits(data: bytes, *, eightbit_ok: bool = False) -> None:
    assert eightbit_ok or data.isascii()
    assert all(len(line) <= LINE_LIMIT for line in data.split(b"\r\n"))
    assert data.count(b"\n") == data.count(b"\r\n")


def mixed(attachment: bytes) -> bytes:
    return b"".join(
        [
            b"MIME-Version: 1.0\r\nSubject: x\r\nContent-Transfer-Encoding: 8bit\r\n",
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n',
            b"This is MIME.\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n",
            b"Content-Transfer-Encoding: 8bit\r\n\r\n",
            TEXT.encode(),
            b"\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n",
            attachment,
            b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b--\r\n",
        ]
    )


def test_each_part_is_encoded_in_its_own_way() -> None:
    attachment = bytes(range(128, 256)) * 40
    converted = convert(mixed(attachment), eightbit_ok=False)
    assert_fits(converted)
    message = parse(converted)
    text, binary, plain = message.iter_parts()
    assert message["content-transfer-encoding"] == "7bit"
    assert text["content-transfer-encoding"] == "quoted-printable"
    assert text.get_content() == TEXT
    assert binary["content-transfer-encoding"] == "base64"
    assert binary.get_content() == attachment
    assert plain["content-transfer-encoding"] is None


def test_parts_that_fit_are_left_alone() -> None:
    converted = convert(mixed(b"\xff"), eightbit_ok=False)
    assert converted.endswith(b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b--\r\n")


def test_a_message_inside_a_message_is_converted_inside() -> None:
    inner = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + TEXT.encode()
    outer = b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    converted = convert(outer + inner, eightbit_ok=False)
    assert_fits(converted)
    message = parse(converted)
    assert message["content-transfer-encoding"] == "7bit"
    (embedded,) = message.iter_parts()
    assert embedded.get_content() == TEXT


def test_undeclared_text_is_declared() -> None:
    message = parse(convert(b"Subject: x\r\n\r\n" + TEXT.encode(), eightbit_ok=False))
    assert message["mime-version"] == "1.0"
    assert message.get_content() == TEXT


def test_octets_of_no_known_charset_are_kept() -> None:
    message = parse(convert(b"Subject: x\r\n\r\n\xff\xfe caf\xe9\r\n", eightbit_ok=False))
    assert message.get_payload(decode=True) == b"\xff\xfe caf\xe9\r\n"
    assert message.get_content_charset() == "unknown-8bit"


def test_header_words_are_encoded() -> None:
    raw = "Subject: Rapat café besok\r\nFrom: Tito Müller <tito@example.com>\r\n\r\nx\r\n".encode()
    converted = convert(raw, eightbit_ok=False)
    assert_fits(converted)
    message = parse(converted)
    assert message["subject"] == "Rapat café besok"
    assert message["from"].addresses[0].display_name == "Tito Müller"
    assert message["from"].addresses[0].addr_spec == "tito@example.com"


def test_long_lines_are_encoded_or_folded() -> None:
    raw = (
        b"Subject: x\r\nReferences:" + b" <%s@example.com>" % (b"a" * 50) * 60 + b"\r\n\r\n" + b"long " * 1000
    )
    converted = convert(raw + b"\r\n", eightbit_ok=True)
    assert_fits(converted, eightbit_ok=True)
    message = parse(converted)
    assert message.get_content().strip() == ("long " * 1000).strip()
    assert "".join(message["references"].split()) == "<%s@example.com>" % ("a" * 50) * 60


def test_a_multipart_that_is_none_cannot_be_converted() -> None:
    raw = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\xff no boundary line\r\n"
    with pytest.raises(Unconvertible):
        convert(raw, eightbit_ok=False)


@given(st.binary(max_size=2_000), st.booleans())
def test_any_octets_give_a_fitting_message_or_unconvertible(data: bytes, eightbit_ok: bool) -> None:
    data = data.replace(b"\r", b"").replace(b"\n", b"\r\n")
    try:
        converted = convert(data, eightbit_ok=eightbit_ok)
    except Unconvertible:
        return
    assert eightbit_ok or converted.isascii()
    assert all(len(line) <= LINE_LIMIT + 1 for line in converted.split(b"\n"))
