"""HTML whose reading would take minutes or gigabytes ends within its limits, and its words remain."""

from __future__ import annotations

import time

import pytest

from merpati_webmail import bounded, sanitize

BOMBS = {
    "nesting": "<div>" * 200_000 + "words",
    "formatting elements": "".join(f"<font a={n}>" for n in range(5_000)) + "<p>x</p>" * 60_000 + "words",
    "attributes": "<div " + " ".join(f"a{n}" for n in range(200_000)) + ">words",
}


@pytest.mark.parametrize("html", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_ends_in_time(html: str) -> None:
    start = time.monotonic()
    cleaned = bounded.clean(html)
    assert "words" in cleaned.html
    assert time.monotonic() - start < 60  # a guard against hangs: the limits are seconds


def test_a_bomb_keeps_its_words_as_text() -> None:
    assert bounded.text(BOMBS["nesting"]) == "words"


def test_large_and_small_mail_are_cleaned_alike() -> None:
    html = '<p>a <a href="https://x.example">b</a><img src="https://t.example/"><img src="cid:1"></p>'
    small = bounded.clean(html, inline={"1": "/inline/1"})
    large = bounded.clean(html * 1_000, inline={"1": "/inline/1"})
    assert large.html == small.html * 1_000
    assert (small.blocked, large.blocked) == (1, 1_000)
    assert not large.truncated


def test_what_is_above_the_limit_is_cut() -> None:
    assert bounded.clean("<p>x</p>" * (sanitize.MAX_HTML // 8 + 1)).truncated


def test_text_of_html_is_laid_out() -> None:
    assert (
        bounded.text("<h1>Offer</h1><p>One<br>two</p><style>p{}</style><script>x</script>")
        == "Offer\n\nOne\ntwo"
    )
