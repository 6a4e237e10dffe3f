"""Plain text, names of attachments, dates: what a sender writes never becomes markup, a header or a path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merpati_webmail import filenames, i18n, links
from merpati_webmail.reading import quoted
from merpati_webmail.rendering import sender_name


def test_text_is_escaped_and_addresses_become_links() -> None:
    html = str(links.linkify('See <b>https://x.example/a?b=1&c=2</b>, "https://y.example".'))
    assert "<b>" not in html
    assert '<a href="https://x.example/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">' in html
    assert '<a href="https://y.example" ' in html


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "[x](javascript:alert(1))",
        "[1]: javascript:alert(1)",
        "##str_replacement_1##",
        "data:text/html,<script>",
        "https://",
    ],
)
def test_nothing_else_becomes_a_link(text: str) -> None:
    assert "<a" not in links.linkify(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("(https://x.example/a)", "https://x.example/a"),
        ("https://x.example/a_(b)", "https://x.example/a_(b)"),
        ("https://x.example/.", "https://x.example/"),
        ('https://x.example/"onmouseover="alert(1)', "https://x.example/"),
    ],
)
def test_a_link_ends_where_the_sentence_goes_on(text: str, address: str) -> None:
    assert f'href="{address}"' in links.linkify(text)


def test_quotations_are_told_apart_by_depth() -> None:
    blocks = links.blocks("Hi\n> one\n> > two\n>>> three\nbye")
    assert [(block.depth, str(block.html)) for block in blocks] == [
        (0, "Hi"),
        (1, "one"),
        (2, "two"),
        (3, "three"),
        (0, "bye"),
    ]


def test_quoting_goes_one_level_deeper() -> None:
    assert quoted("Hi\n\n> there") == "> Hi\n>\n>> there"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\system.ini", "system.ini"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie_ x=1.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("con.txt", "_con.txt"),
        (" . ", "attachment"),
        ('"><script>.html', "___script_.html"),
        ("Anggaran 2027 – é.pdf", "Anggaran 2027 – é.pdf"),
    ],
)
def test_file_names(name: str, safe: str) -> None:
    assert filenames.safe_name(name) == safe


def test_nameless_files_get_a_name() -> None:
    assert filenames.safe_name(None, "application/pdf") == "attachment.pdf"
    assert filenames.safe_name(None, "message/rfc822") == "message.eml"


def test_long_names_keep_their_extension() -> None:
    name = filenames.safe_name("x" * 500 + ".pdf")
    assert len(name) <= 120
    assert name.endswith(".pdf")


def test_disposition_is_one_plain_line() -> None:
    value = filenames.disposition(filenames.safe_name('a"; filename=evil.exe\r\nX: y é.pdf'))
    assert value.isascii()
    assert value.count(";") == 2
    assert value.startswith('attachment; filename="')
    assert "\r" not in value and "\n" not in value


@pytest.mark.parametrize(
    "declared",
    ["text/html", "image/svg+xml", "application/pdf", "text/xml", "text/javascript", "x\r\ny/z", ""],
)
def test_types_that_act_leave_as_bytes(declared: str) -> None:
    assert filenames.safe_type(declared) == "application/octet-stream"


def test_pictures_are_known_by_their_content() -> None:
    assert filenames.picture_type(b"\x89PNG\r\n\x1a\n...") == "image/png"
    assert filenames.picture_type(b"<svg onload=alert(1)>") is None
    assert filenames.picture_type(b"") is None


def test_dates_in_lists() -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert (
        i18n.short_date(now - timedelta(hours=2), "en", now)
        == f"{(now - timedelta(hours=2)).astimezone():%H:%M}"
    )
    assert i18n.short_date(now - timedelta(days=40), "id", now) == "15 Okt"
    assert i18n.short_date(now - timedelta(days=400), "en", now) == "20/10/2025"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("id-ID,id;q=0.9,en;q=0.8", "id"),
        ("de,en;q=0.5", "en"),
        ("", "en"),
        ("id;q=0", "en"),
        (";q=x,,", "en"),
    ],
)
def test_language_of_the_browser(header: str, language: str) -> None:
    assert i18n.negotiate(header) == language


def test_sizes_are_readable() -> None:
    assert [i18n.file_size(size, "en") for size in (10, 2048, 5_400_000)] == ["10 B", "2 KB", "5.1 MB"]
    assert i18n.file_size(5_400_000, "id") == "5,1 MB"


def test_sender_names() -> None:
    assert sender_name('"Ayu Lestari" <ayu@x.example>') == "Ayu Lestari"
    assert sender_name("<scan@x.example>") == "scan@x.example"
