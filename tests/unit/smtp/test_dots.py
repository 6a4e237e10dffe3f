"""The end of DATA (RFC 5321 4.1.1.4, 4.5.2): found in any cutting, and never where it is not."""

from __future__ import annotations

import random

import pytest

from merpati_smtp.server.dots import DotDecoder


def decode(pieces: list[bytes]) -> tuple[bytes, bytes | None, bool]:
    decoder = DotDecoder()
    message = b""
    for index, piece in enumerate(pieces):
        message += decoder.feed(piece)
        if decoder.rest is not None:
            return message, decoder.rest + b"".join(pieces[index + 1 :]), decoder.stray
    return message, None, decoder.stray


CASES = [
    (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n", False),
    (b".\r\n", b"", b"", False),
    (b"\r\n.\r\n", b"\r\n", b"", False),
    (b"..\r\n.\r\n", b".\r\n", b"", False),
    (b"..a\r\n..\r\nb.\r\n.\r\n", b".a\r\n.\r\nb.\r\n", b"", False),
    (b".a\r\n.\r\n", b"a\r\n", b"", False),
    (b"a\rb\nc\r\n.\r\n", b"a\r\nb\r\nc\r\n", b"", True),
    (b"a\r\r\n.\r\n", b"a\r\n\r\n", b"", True),
    (b"a\n\r\n.\r\n", b"a\r\n\r\n", b"", True),
    (b"\0\xff\r\n.\r\n", b"\0\xff\r\n", b"", False),
]
# Ends that other servers took for one: each must stay within the message (CVE-2023-51764 and its kin).
SMUGGLING = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r\n\x00.\r\n",
    b"\r\n.\0\r\n",
]


@pytest.mark.parametrize(("raw", "message", "rest", "stray"), CASES)
def test_whole_and_octet_by_octet(raw: bytes, message: bytes, rest: bytes, stray: bool) -> None:
    assert decode([raw]) == (message, rest, stray)
    assert decode([raw[i : i + 1] for i in range(len(raw))]) == (message, rest, stray)


@pytest.mark.parametrize("end", SMUGGLING)
def test_no_lesser_end_ends_the_message(end: bytes) -> None:
    raw = b"a" + end + b"MAIL FROM:<evil@x>\r\n.\r\n"
    for pieces in ([raw], [raw[i : i + 1] for i in range(len(raw))]):
        message, rest, _ = decode(pieces)
        assert rest == b""
        assert message.endswith(b"MAIL FROM:<evil@x>\r\n")
        assert message.count(b"\r\n") == message.count(b"\n") == message.count(b"\r")


def test_any_cutting_gives_the_same() -> None:
    chance = random.Random(7)
    for _ in range(2_000):
        raw = bytes(chance.choices(b"\r\n.ab", k=chance.randrange(60))) + b"\r\n.\r\nrest"
        whole = decode([raw])
        pieces = []
        left = raw
        while left:
            cut = chance.randrange(1, 8)
            pieces.append(left[:cut])
            left = left[cut:]
        assert decode(pieces) == whole
        message = whole[0]
        assert not message or message.endswith(b"\r\n")
        assert message.count(b"\r\n") == message.count(b"\n") == message.count(b"\r")
