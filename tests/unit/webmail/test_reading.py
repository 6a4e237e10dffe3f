"""Messages taken apart: both views, attachments, inline pictures, answers to them."""

from __future__ import annotations

import time

import pytest

from merpati_webmail import answers, reading
from merpati_webmail.answers import Writer
from merpati_webmail.keys import MessageKey, Origin, PartKey
from merpati_webmail.message_view import MessageView

HEAD = (
    b"From: Ayu Lestari <ayu@x.example>\r\nTo: Iqbal <iqbal@example.com>, b@x.example\r\nCc: =?utf-8?q?M=C3=BCller?= "
    b"<m@x.example>\r\nSubject: Plan\r\nDate: Tue, 24 Nov 2026 08:15:00 +0700\r\nMessage-ID: <2@x>\r\n"
    b"References: <1@x>\r\nMIME-Version: 1.0\r\n"
)
RELATED = (
    HEAD
    + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
    b"--a\r\n\r\nPlain words\r\n--a\r\nContent-Type: multipart/related; boundary=r\r\n\r\n"
    b'--r\r\nContent-Type: text/html\r\n\r\n<p>Rich words</p><img src="cid:pic@x"><img src="https://t.example/">\r\n'
    b"--r\r\nContent-Type: image/png; name=pic.png\r\nContent-ID: <pic@x>\r\n\r\nPNG\r\n"
    b"--r\r\nContent-Type: image/png; name=lost.png\r\nContent-ID: <lost@x>\r\n\r\nPNG\r\n--r--\r\n--a--\r\n"
    b"--m\r\nContent-Type: application/pdf; name=plan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n"
    b"--m--\r\n"
)
KEY = MessageKey(3, 15)
WRITER = Writer(
    frozenset({"iqbal@example.com"}), "en", lambda text, **values: text % values if values else text
)


def view(data: bytes, **options: bool) -> MessageView:
    return MessageView.of(data, **{"as_text": False, "images": False, "draft": False, **options})


def test_both_views_and_every_file() -> None:
    mail = reading.read(RELATED)
    assert mail.text == "Plain words"
    assert [(is_html, "Rich" in text) for is_html, text in mail.pieces()] == [(True, True)]
    assert mail.inline == {"pic@x": "1.2.2", "lost@x": "1.2.3"}
    assert [item.name for item in mail.attachments] == ["plan.pdf", "lost.png"], "nothing gets lost"
    assert [item.name for item in mail.pictures] == ["pic.png"]
    assert mail.attachments[0].size == 6


def test_the_view_says_what_is_left_out() -> None:
    shown = view(RELATED)
    assert shown.html and shown.has_plain and shown.blocked and not shown.truncated
    assert not view(RELATED, images=True).blocked
    text = view(RELATED, as_text=True)
    assert not text.html and text.has_html and text.text == "Plain words" and not text.blocked
    assert view(HEAD + b"\r\n" + b"x" * 2_000_000).truncated
    assert shown.initial == "A" and 0 <= shown.tint < 6


@pytest.mark.parametrize(
    "html",
    [
        "<img" * 300_000,
        "<img src" + " " * 1_000_000 + "=" + " " * 900_000,
        "<img " + "src = " * 300_000,
        "<img src='" * 150_000,
    ],
)
def test_looking_for_pictures_is_linear(html: str) -> None:
    start = time.monotonic()
    view(b"Content-Type: text/html\r\n\r\n" + html.encode())
    assert time.monotonic() - start < 30  # a guard against hangs


def test_a_reply_goes_to_its_author_and_quotes() -> None:
    fields = answers.reply(reading.read(RELATED), Origin("reply", KEY), WRITER, to_all=False)
    assert fields.to == "Ayu Lestari <ayu@x.example>" and fields.cc == ""
    assert fields.subject == "Re: Plan"
    assert fields.body.endswith("Ayu Lestari wrote:\n> Plain words\n")
    assert fields.sender == "iqbal@example.com"
    assert fields.origin == "reply 3.15"


def test_a_reply_to_all_leaves_oneself_out() -> None:
    fields = answers.reply(reading.read(RELATED), Origin("reply", KEY), WRITER, to_all=True)
    assert fields.cc == "b@x.example, Müller <m@x.example>"


def test_reply_to_is_honoured_and_ones_own_letter_goes_to_its_readers() -> None:
    asked = RELATED.replace(b"Subject:", b"Reply-To: list@x.example\r\nSubject:")
    assert (
        answers.reply(reading.read(asked), Origin("reply", KEY), WRITER, to_all=False).to == "list@x.example"
    )
    own = RELATED.replace(b"ayu@x.example", b"iqbal@example.com").replace(
        b"To: Iqbal <iqbal@example.com>, ", b"To: "
    )
    assert answers.reply(reading.read(own), Origin("reply", KEY), WRITER, to_all=False).to == "b@x.example"


def test_a_forwarded_message_takes_all_its_files() -> None:
    fields = answers.forward(reading.read(RELATED), Origin("forward", KEY), WRITER)
    assert [item.name for item in fields.kept] == ["plan.pdf", "lost.png", "pic.png"]
    assert [PartKey.parse(item.key) for item in fields.kept] == [
        PartKey(KEY, "2"),
        PartKey(KEY, "1.2.3"),
        PartKey(KEY, "1.2.2"),
    ]
    for line in ("From: Ayu Lestari <ayu@x.example>", "Subject: Plan", "Plain words"):
        assert line in fields.body


def test_mail_of_html_only_is_answered_in_words() -> None:
    mail = reading.read(b"Content-Type: text/html\r\n\r\n<h1>Offer</h1><script>x</script><p>One<br>two</p>")
    assert mail.text == "Offer\n\nOne\ntwo"
    assert not mail.has_plain


@pytest.mark.parametrize(
    "key", ["", "3", "3.", "3.15.", "3.15.1.", ".1", "a.b", "3.15.1.2.x", "9" * 19 + ".1", "3.15\n"]
)
def test_keys_that_name_nothing(key: str) -> None:
    assert MessageKey.parse(key) is None
    assert PartKey.parse(key) is None
    assert Origin.parse(f"reply {key}") is None
    assert Origin.parse("spy 3.15") is None
