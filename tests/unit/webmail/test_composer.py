"""Letters as MIME: readable by the standard library, one header for each field, whatever was typed."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati_webmail import addressing, composer
from merpati_webmail.composer import File, Letter, build

NOW = datetime(2026, 11, 24, 8, 15, tzinfo=UTC)
TITO = Address("Tito Pranata", addr_spec="tito@example.com")


def letter(**fields: object) -> Letter:
    return Letter(TITO, **{"to": addressing.parse("iqbal@example.com")[0], **fields})  # type: ignore[arg-type]


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def names(data: bytes) -> list[str]:
    return [name.lower() for name, _ in parsed(data).items()]


def test_a_plain_letter() -> None:
    data = build(letter(subject="Halo", body="Apa kabar?\nTito"), NOW)
    message = parsed(data)
    assert message["From"] == "Tito Pranata <tito@example.com>"
    assert message["To"] == "iqbal@example.com"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"].endswith("@example.com>")
    assert message.get_content() == "Apa kabar?\r\nTito\r\n"
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_other_scripts_are_encoded_and_lines_stay_short() -> None:
    body = "Semoga — baik-baik saja 🕊 " * 200
    to, _ = addressing.parse('"Müller, Max" <max@firma.example>')
    data = build(letter(subject="Überraschung " * 40, body=body, to=to), NOW)
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    message = parsed(data)
    assert message["Subject"] == ("Überraschung " * 40).strip()
    assert message["To"].addresses[0].display_name == "Müller, Max"
    assert message.get_content() == body + "\r\n"


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_nothing_typed_adds_a_header(name: str, subject: str, body: str) -> None:
    clean = addressing.clean_name(name)
    data = build(Letter(Address(clean, addr_spec="a@b.example"), subject=subject, body=body), NOW)
    assert names(data) == [
        "from", "subject", "date", "message-id", "content-type", "content-transfer-encoding", "mime-version"
    ]  # fmt: skip


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x85"])
def test_line_ends_in_fields_are_blanks(line_end: str) -> None:
    data = build(letter(subject=f"Halo{line_end}Bcc: spy@evil.example"), NOW)
    assert "bcc" not in names(data)
    assert parsed(data)["Subject"] == "Halo Bcc: spy@evil.example"


def test_attachments_keep_name_type_and_bytes() -> None:
    files = [
        File("Anggaran – 2027.pdf", "application/pdf", b"%PDF\x00\xff" * 100),
        File("x.html", "text/html", b"<script>"),
        File("odd", "not a type", b"odd"),
        File("f.eml", "message/rfc822", b"Subject: inner\r\n\r\nHi\r\n"),
    ]
    parts = list(parsed(build(letter(body="see", files=files), NOW)).iter_attachments())
    assert [part.get_filename() for part in parts] == ["Anggaran – 2027.pdf", "x.html", "odd", "f.eml"]
    assert [part.get_content_type() for part in parts] == [
        "application/pdf", "text/html", "application/octet-stream", "message/rfc822"
    ]  # fmt: skip
    assert parts[0].get_content() == b"%PDF\x00\xff" * 100
    assert parts[3].get_content()["Subject"] == "inner"


def test_bcc_and_origin_stay_with_the_writer() -> None:
    bcc, _ = addressing.parse("boss@example.com")
    message = parsed(build(letter(bcc=bcc), NOW, origin="reply 3.15"))
    assert message["Bcc"] == "boss@example.com"
    assert message[composer.ORIGIN] == "reply 3.15"


def test_recipients_are_named_once() -> None:
    to, _ = addressing.parse("a@x.example, b@x.example")
    cc, _ = addressing.parse("b@x.example")
    assert letter(to=to, cc=cc).recipients == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Halo", "Re: Halo"),
        ("Re: Halo", "Re: Halo"),
        ("RE: re[2]: Halo", "Re: Halo"),
        ("", "Re: "),
        ("Report", "Re: Report"),
    ],
)
def test_subjects_of_answers(subject: str, answer: str) -> None:
    assert composer.reply_subject(subject) == answer


def test_subjects_of_forwarded_messages() -> None:
    assert composer.forward_subject("Fwd: FW: Halo") == "Fwd: Halo"


def test_an_answer_names_its_thread() -> None:
    assert composer.thread_headers("<c@x>", "<a@x> <b@x>") == ("<c@x>", "<a@x> <b@x> <c@x>")
    assert composer.thread_headers("no id", "<a@x>") == ("", "")
    assert composer.thread_headers("<c@x>\r\nBcc: <spy@x>", "<a@x>\nX: y")[1] == "<a@x> <c@x>"


def test_long_threads_keep_their_first_and_last_ids() -> None:
    ids = [f"<{number:0100}@x>" for number in range(500)]
    _, references = composer.thread_headers("<last@x>", " ".join(ids))
    assert references.startswith(ids[0])
    assert references.endswith(f"{ids[-1]} <last@x>")
    data = build(letter(references=references), NOW)
    assert len(references) < 9_000
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert parsed(data)["References"].split() == references.split()
