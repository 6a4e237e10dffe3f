"""Whatever a client sends, only the wire's own error leaves the parsers, and soon."""

from __future__ import annotations

import random
import time

import pytest

from merpati_imap_pop.imap.registry import COMMANDS
from merpati_imap_pop.imap.wire.cursor import Cursor
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.framer import Frame, Framer

GOOD = [
    b"LOGIN tito {3}\r\nabc",
    b"AUTHENTICATE PLAIN AHQAcA==",
    b'LIST (SUBSCRIBED SPECIAL-USE) "" ("a*" %) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))',
    b'SELECT "Entw&APw-rfe" (CONDSTORE)',
    b"CREATE x (USE (\\Sent))",
    b"STATUS INBOX (MESSAGES SIZE)",
    b'APPEND INBOX (\\Seen $x) "17-Jul-1996 02:44:25 -0700" {3+}\r\nabc',
    b"FETCH 1:*,4 (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (From To)]<0.10>) (CHANGEDSINCE 12)",
    b"STORE 1,3:* (UNCHANGEDSINCE 4) +FLAGS.SILENT (\\Deleted k)",
    b'SEARCH RETURN (MIN COUNT) CHARSET UTF-8 OR (SEEN SINCE 1-Feb-2026) NOT HEADER "X-Y" {2+}\r\n\xc3\xbc',
    b"UID MOVE 1:5 Trash",
    b'ID ("name" "x" "v" NIL)',
]
SPICE = [
    b"{",
    b"}",
    b"(",
    b")",
    b'"',
    b"\\",
    b"\r\n",
    b"\x00",
    b"\xff",
    b"*",
    b"{99}\r\n",
    b" ",
    b":",
    b"&",
    b"[",
    b"]<",
]


def parse(frame: bytes) -> None:
    cursor = Cursor(frame)
    try:
        name = cursor.word()
        if name == "UID" and cursor.accept(b" "):
            name = f"UID {cursor.word()}"
        if name in COMMANDS:
            cursor.accept(b" ")
            COMMANDS[name].parse(cursor)
    except WireError:
        return


@pytest.mark.parametrize("seed", range(40))
def test_only_the_wires_own_error_escapes(seed: int) -> None:
    chooser = random.Random(seed)
    for _ in range(300):
        data = bytearray(chooser.choice(GOOD))
        for _ in range(chooser.randrange(1, 6)):
            at = chooser.randrange(len(data) + 1)
            data[at : at + chooser.randrange(4)] = chooser.choice([*SPICE, bytes([chooser.randrange(256)])])
        parse(bytes(data))
        buffer = bytearray(bytes(data) + b"\r\n")
        framer = Framer(buffer, lambda head: 1000)
        while (event := framer.next()) is not None:
            if isinstance(event, Frame):
                parse(event.data)


@pytest.mark.parametrize(
    "bomb",
    [
        b"SEARCH " + b"(" * 60_000,
        b"SEARCH " + b"OR " * 20_000,
        b"FETCH 1 (" + b"BODY[] " * 9_000,
        b"FETCH " + b"1," * 30_000 + b"1 FLAGS",
        b'LIST "" "' + b"*" * 60_000 + b'"',
        b'SELECT "' + b"&" * 60_000 + b'"',
        b"SELECT " + b"&-" * 30_000,
        b'LOGIN "' + b"\\\\" * 30_000,
        b"STORE 1 FLAGS (" + b"x " * 30_000,
    ],
    ids=lambda bomb: bomb[:12].decode(),
)
def test_long_commands_are_read_in_bounded_time(bomb: bytes) -> None:
    began = time.monotonic()
    parse(bomb)
    assert time.monotonic() - began < 5  # a guard against hangs: milliseconds in truth
