"""Where commands end: literals, limits, and any way of cutting the stream."""

from __future__ import annotations

import random

import pytest

from merpati_imap_pop.imap.wire.framer import (
    DISCARD_LIMIT,
    SPOOL_OVER,
    Continue,
    Event,
    Frame,
    Framer,
    Octets,
    Refused,
    Spool,
)


def feed(pieces: list[bytes], *, limit: int = 100, line_limit: int = 1000) -> list[Event]:
    buffer = bytearray()
    framer = Framer(buffer, lambda head: limit, line_limit=line_limit)
    events: list[Event] = []
    for piece in pieces:
        buffer += piece
        while (event := framer.next()) is not None:
            events.append(event)
    return events


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


STREAMS = {
    b"a NOOP\r\nb NOOP\n": [Frame(b"a NOOP"), Frame(b"b NOOP")],
    b"a LOGIN {3}\r\nabc {2+}\r\nx\n\r\n": [Continue(), Frame(b"a LOGIN {3}\r\nabc {2+}\r\nx\n")],
    b"a X {0}\r\n\r\nb\r\n": [Continue(), Frame(b"a X {0}\r\n"), Frame(b"b")],
    b"a X {101}\r\nb NOOP\r\n": [Refused(b"a X {101}\r\n"[:11], True), Frame(b"b NOOP")],
    b"a X {101+}\r\n" + b"y\n" * 50 + b"z more\r\nb NOOP\r\n": [
        Refused(b"a X {101+}\r\n", True),
        Frame(b"b NOOP"),
    ],
    b"a X {60+}\r\n" + b"y" * 60 + b" {60}\r\nb NOOP\r\n": [Refused(b"a X", True), Frame(b"b NOOP")],
    b"\r\n\r\n": [Frame(b""), Frame(b"")],
}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: repr(stream[:30]))
def test_the_cut_does_not_matter(stream: bytes) -> None:
    def shown(events: list[Event]) -> list[object]:
        return [(type(e), e.literal) if isinstance(e, Refused) else e for e in events]

    expected = shown(STREAMS[stream])
    assert shown(feed([stream])) == expected
    assert shown(feed(bytewise(stream))) == expected


def test_refused_command_still_shows_its_tag() -> None:
    (refused,) = feed([b"tag1 APPEND x {101}\r\n"])
    assert isinstance(refused, Refused)
    assert refused.head.startswith(b"tag1 ")


def test_long_line_is_refused_without_being_kept() -> None:
    buffer = bytearray()
    framer = Framer(buffer, lambda head: 0, line_limit=100)
    for _ in range(1000):
        buffer += b"x" * 1000
        assert framer.next() is None
        assert len(buffer) <= 1000
    buffer += b"\r\na NOOP\r\n"
    assert isinstance(framer.next(), Refused)
    assert framer.next() == Frame(b"a NOOP")


def test_giant_literal_without_waiting_is_fatal() -> None:
    (refused,) = feed([b"a X {%d+}\r\n" % (DISCARD_LIMIT + 1)])
    assert isinstance(refused, Refused)
    assert refused.fatal


def test_bare_lines() -> None:
    buffer = bytearray(b"DONE\r\nabc {3}\r\nrest")
    framer = Framer(buffer, lambda head: 100)
    assert framer.line() == b"DONE"
    assert framer.line() == b"abc {3}"
    assert framer.line() is None


@pytest.mark.parametrize("seed", range(20))
def test_random_cuts_give_the_same_commands(seed: int) -> None:
    chooser = random.Random(seed)
    stream = b"".join(chooser.choices(list(STREAMS), k=20))
    cuts = sorted(chooser.choices(range(len(stream)), k=30))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    frames = [event for event in feed([stream]) if isinstance(event, Frame)]
    assert [event for event in feed(pieces) if isinstance(event, Frame)] == frames


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("piece", [1000, 10**9])
def test_large_literal_is_handed_on_and_not_kept(waits: bool, piece: int) -> None:
    size = SPOOL_OVER + 1
    stream = (
        b"a APPEND {1+}\r\nx {%d%b}\r\n" % (size, b"" if waits else b"+")
        + b"y\n" * (size // 2)
        + b"z\r\nb NOOP\r\n"
    )
    buffer = bytearray()
    framer = Framer(buffer, lambda head: size + 1, spools=lambda head: head.startswith(b"a APPEND"))
    events: list[Event] = []
    spooled = 0
    for at in range(0, len(stream), piece):
        buffer += stream[at : at + piece]
        while (event := framer.next()) is not None:
            if isinstance(event, Octets):
                spooled += len(event.data)
            else:
                events.append(event)
        assert len(buffer) < 100
    assert spooled == size
    assert events == [Spool(waits), Frame(b"a APPEND {1+}\r\nx {0}\r\n"), Frame(b"b NOOP")]
