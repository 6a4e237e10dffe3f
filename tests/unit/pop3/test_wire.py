"""POP3's parser and stuffing, fed in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from merpati_imap_pop.pop3 import wire
from merpati_imap_pop.pop3.stuffing import Stuffer, Top
from merpati_imap_pop.pop3.wire import LINE_LIMIT, LineReader, Overlong, WireError

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=6), st.sampled_from([b"\r\n", b"\n", b".", b"\n.", b"USER a", b"x" * 5_000])
    ),
    max_size=30,
)
ARGUMENTS = [
    wire.nothing,
    wire.text,
    wire.number,
    wire.optional_number,
    wire.number_and_count,
    wire.mechanism,
]


def read_lines(pieces: list[bytes]) -> list[bytes | None]:
    reader, buffer = LineReader(), bytearray()
    found: list[bytes | None] = []
    for piece in pieces:
        buffer += piece
        while (line := reader.take(buffer)) is not None:
            found.append(None if isinstance(line, Overlong) else line)
        assert len(buffer) <= LINE_LIMIT
    return found


@seed(1939)
@settings(max_examples=400, deadline=None)
@given(PIECES)
def test_lines_do_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = [
        None if len(line) > LINE_LIMIT else line.removesuffix(b"\r") for line in whole.split(b"\n")[:-1]
    ]
    assert read_lines([whole[at : at + 1] for at in range(len(whole))]) == expected
    assert read_lines([whole]) == expected
    assert read_lines(pieces) == expected


@seed(2449)
@settings(max_examples=600, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)))
def test_only_wire_error_escapes(line: bytes) -> None:
    try:
        command = wire.parse_command(line)
    except WireError:
        command = wire.Command("X", line)
    assert command.keyword.isupper()
    for read in ARGUMENTS:
        try:
            read(command.arguments)
        except WireError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"QUIT", ("QUIT", b"")),
        (b"retr 1", ("RETR", b"1")),
        (b"PASS  two blanks ", ("PASS", b" two blanks ")),
    ],
)
def test_parse_command(line: bytes, command: tuple[str, bytes]) -> None:
    assert wire.parse_command(line) == command


@pytest.mark.parametrize("line", [b"", b" STAT", b"\xd9\xa1", b"TOOLONGKEYWORD", b"RE\0TR", b"STAT\tnow"])
def test_no_command(line: bytes) -> None:
    with pytest.raises(WireError):
        wire.parse_command(line)


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (b"PLAIN", ("PLAIN", None)),
        (b"plain =", ("PLAIN", b"")),
        (b"PLAIN AGEAYg==", ("PLAIN", b"\0a\0b")),
        (b"", ("", None)),
    ],
)
def test_mechanism(arguments: bytes, read: tuple[str, bytes | None]) -> None:
    assert wire.mechanism(arguments) == read


def stuffed(pieces: list[bytes]) -> bytes:
    stuffer = Stuffer()
    return b"".join([*map(stuffer.feed, pieces), stuffer.finish()])


def unstuffed(sent: bytes) -> bytes:
    """What RFC 1939 3 has the client do."""
    lines = sent.split(b"\r\n")
    assert lines[-2:] == [b".", b""] and b"." not in lines[:-2]
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])


@seed(3)
@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([b".", b"..", b"\r\n", b"a", b"\r\n.", b".\r\n", b"line\r\n"]), max_size=30))
def test_stuffing_does_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert stuffed(pieces) == stuffed([whole])
    assert unstuffed(stuffed(pieces)) == (whole if whole.endswith(b"\r\n") or not whole else whole + b"\r\n")


def test_lone_line_feed_cannot_end_the_message() -> None:
    assert stuffed([b"a\n.\nQUIT\r\n"]) == b"a\n..\nQUIT\r\n.\r\n"


def top(pieces: list[bytes], lines: int) -> bytes:
    cut = Top(lines)
    out = bytearray()
    for piece in pieces:
        out += cut.feed(piece)
        if cut.done:
            break
    return bytes(out)


MAIL = b"A: b\r\nC: d\r\n\r\none\r\ntwo\r\n\r\nfour"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("lines", "end"), [(0, b"d\r\n\r\n"), (1, b"one\r\n"), (3, b"two\r\n\r\n"), (4, b"four"), (99, b"four")]
)
def test_top_in_pieces(size: int, lines: int, end: bytes) -> None:
    pieces = [MAIL[at : at + size] for at in range(0, len(MAIL), size)]
    assert top(pieces, lines) == MAIL[: MAIL.index(end) + len(end)]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\nbody\r\n", b"A: b\r\n", b"A: b", b"A: b\n\nbody\n"])
@pytest.mark.parametrize("size", [1, 100])
def test_top_of_odd_messages(data: bytes, size: int) -> None:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    expected = {b"\r\nbody\r\n": b"\r\n", b"A: b\n\nbody\n": b"A: b\n\n"}.get(data, data)
    assert top(pieces, 0) == expected
