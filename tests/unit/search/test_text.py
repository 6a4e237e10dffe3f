"""Text search finds words as people read them, however the message encodes them."""

from __future__ import annotations

import base64

import pytest

from merpati.search import contains, fold

PLAIN = b"Subject: Halo\r\n\r\nSelamat pagi, Iqbal\r\n"


def encoded(text: str, subtype: str = "plain") -> bytes:
    body = base64.encodebytes(text.encode())
    return (
        b"Subject: =?utf-8?q?Proy=C3=A9k?=\r\nContent-Type: text/" + subtype.encode() + b"; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + body
    )


@pytest.mark.parametrize(
    ("data", "needle", "headers_too", "expected"),
    [
        (PLAIN, "PAGI, iqbal", False, True),
        (PLAIN, "Halo", False, False),
        (PLAIN, "Halo", True, True),
        (PLAIN, "subject: halo", True, True),
        (encoded("Rapat di Café"), "café", False, True),
        (encoded("Rapat di Cafe\u0301"), "CAFÉ", False, True),
        (encoded("Rapat"), "UmFwYXQ", False, False),
        (encoded("x"), "proyék", True, True),
        (encoded("<style>rahasia</style>"), "rahasia", False, True),  # plain text means what it says
        (encoded("<p>terang benderang", "html"), "terang benderang", False, True),
        (encoded("<style>rahasia</style><p>terang", "html"), "rahasia", False, False),
    ],
)
def test_contains(data: bytes, needle: str, headers_too: bool, expected: bool) -> None:
    assert contains(data, fold(needle), headers_too=headers_too) is expected
