"""Random and malicious commands to a live server: each is answered, none breaks the session or fails inside."""

from __future__ import annotations

import asyncio
import random

import pytest

from merpati_imap_pop.imap.protocol import ImapConnection
from tests.protocol.services import mail_server
from tests.protocol.world import World

NAMES = [
    b"INBOX",
    b"Archive",
    b"&AAA-",
    b"&AA0ACg-",
    b'"a b"',
    b"a/b/c",
    b"a//b",
    b"/a",
    b"a/",
    b'""',
    b"..",
    b"../x",
    b"a/../b",
    b".",
    b"a.b",
    b"&2D3eAA-",
    b"x" * 300,
    b"a/" * 150 + b"b",
    b"&IC8-",
    b"~",
    b"&AH8-",
    b"INBOX/x",
    b"inbox",
    b"&-",
    b"%",
    b"a*",
]
SETS = [b"1", b"1:*", b"*", b"2:1", b"4294967295", b"1,2,3:*,*:2", b"*:*", b"4294967295:*", b"7"]
FLAGS = [b"\\Seen", b"\\Deleted", b"$x", b"a" * 90, b"\\Recent", b"\\Flagged", b"NonJunk"]
NUMBERS = [b"0", b"1", b"9223372036854775807", b"4294967296", b"12"]
DATES = [b"1-Jan-0001", b"31-Dec-9999", b"29-Feb-2024", b'"01-Jan-1970"']
TEXTS = [b"a", b'""', b"{3+}\r\nabc", b"{2+}\r\n\xc3\xbc", b"{1+}\r\n\xff", b'"%"', b"{4+}\r\na\r\nb"]
ITEMS = [
    b"FLAGS",
    b"BODY[]",
    b"BODY.PEEK[HEADER]<0.9999999999>",
    b"BODY[1.1.1.1.1]",
    b"RFC822",
    b"ENVELOPE",
    b"BODYSTRUCTURE",
    b"UID",
    b"BODY[HEADER.FIELDS.NOT (From)]",
    b"MODSEQ",
    b"INTERNALDATE",
    b"BODY.PEEK[1.MIME]",
    b"BODY[TEXT]<5.1>",
    b"RFC822.SIZE",
]


class Speaker:
    """Makes up commands that are grammatical, or nearly."""

    def __init__(self, seed: int) -> None:
        self.chooser = random.Random(seed)

    def one(self, choices: list[bytes]) -> bytes:
        return self.chooser.choice(choices)

    def some(self, choices: list[bytes]) -> bytes:
        return b" ".join(self.chooser.choices(choices, k=self.chooser.randrange(1, 5)))

    def key(self, depth: int = 0) -> bytes:
        one = self.one
        kinds = [
            lambda: one([b"ALL", b"SEEN", b"NEW", b"UNDELETED", b"OLD", b"RECENT"]),
            lambda: one(SETS),
            lambda: b"UID " + one(SETS),
            lambda: one([b"BEFORE ", b"SINCE ", b"SENTON ", b"ON ", b"SENTBEFORE "]) + one(DATES),
            lambda: (
                one([b"FROM ", b"BODY ", b"TEXT ", b"SUBJECT ", b"HEADER x ", b'HEADER "" ']) + one(TEXTS)
            ),
            lambda: one([b"LARGER ", b"SMALLER ", b"MODSEQ "]) + one(NUMBERS),
            lambda: b"KEYWORD " + one(FLAGS),
        ]
        if depth < 3:
            kinds += [
                lambda: b"NOT " + self.key(depth + 1),
                lambda: b"OR " + self.key(depth + 1) + b" " + self.key(depth + 1),
                lambda: b"(" + self.key(depth + 1) + b" " + self.key(depth + 1) + b")",
            ]
        return self.chooser.choice(kinds)()

    def command(self) -> bytes:
        one, some = self.one, self.some
        uid = one([b"", b"UID "])
        return self.chooser.choice(
            [
                lambda: one([b"CREATE ", b"DELETE ", b"SUBSCRIBE ", b"UNSUBSCRIBE "]) + one(NAMES),
                lambda: b"RENAME " + one(NAMES) + b" " + one(NAMES),
                lambda: one([b"SELECT ", b"EXAMINE "]) + one(NAMES[:3]) + one([b"", b" (CONDSTORE)"]),
                lambda: one([b"LIST ", b"LSUB "]) + one(NAMES) + b" " + one([b"*", b"%", *NAMES]),
                lambda: b'LIST (SUBSCRIBED RECURSIVEMATCH) "" * RETURN (STATUS (UNSEEN RECENT) CHILDREN)',
                lambda: b"STATUS " + one(NAMES) + b" (MESSAGES RECENT HIGHESTMODSEQ)",
                lambda: b"APPEND " + one(NAMES[:4]) + b" (" + some(FLAGS) + b") " + one(TEXTS[2:5]),
                lambda: uid + b"FETCH " + one(SETS) + b" (" + some(ITEMS) + b")",
                lambda: uid + b"FETCH " + one(SETS) + b" FLAGS (CHANGEDSINCE " + one(NUMBERS) + b")",
                lambda: (
                    uid
                    + b"STORE "
                    + one(SETS)
                    + one([b" FLAGS", b" +FLAGS.SILENT", b" -FLAGS"])
                    + b" "
                    + some(FLAGS)
                ),
                lambda: b"STORE 1:* (UNCHANGEDSINCE " + one(NUMBERS) + b") +FLAGS (\\Seen)",
                lambda: uid + one([b"COPY ", b"MOVE "]) + one(SETS) + b" " + one(NAMES),
                lambda: (
                    uid + b"SEARCH " + one([b"", b"RETURN (MIN ALL COUNT) ", b"CHARSET UTF-8 "]) + self.key()
                ),
                lambda: one(
                    [b"EXPUNGE", b"NOOP", b"CLOSE", b"UNSELECT", b"CHECK", b"NAMESPACE", b"CAPABILITY"]
                ),
                lambda: b"UID EXPUNGE " + one(SETS),
                lambda: b"GETQUOTAROOT " + one(NAMES),
                lambda: b"ENABLE CONDSTORE",
                lambda: b"ID (" + one(TEXTS) + b" " + one(TEXTS) + b")",
            ]
        )()

    def mutated(self) -> bytes:
        data = bytearray(self.command())
        if self.chooser.random() < 0.2:
            data[self.chooser.randrange(len(data))] = self.chooser.choice(b'{}()"\\ \x00\xff*%&[]<>.,:')
        return bytes(data)


@pytest.mark.parametrize("seed", range(8))
async def test_every_command_is_answered(seed: int, world: World) -> None:
    await world.do_account("tito@example.com", "rahasia")
    for name in ("simple.eml", "multipart.eml"):
        await world.do_message("tito@example.com", "INBOX", name)
    speaker = Speaker(seed)
    async with mail_server(world, ImapConnection) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
        writer.write(b"a LOGIN tito@example.com rahasia\r\nb SELECT INBOX\r\n")
        for _ in range(250):
            command = speaker.mutated()
            writer.write(b"x " + command + b"\r\nsync NOOP\r\n")
            async with asyncio.timeout(20):
                try:
                    reply = await reader.readuntil(b"\r\nsync OK NOOP completed\r\n")
                except asyncio.IncompleteReadError as error:
                    pytest.fail(f"{command!r}: closed after {error.partial[-300:]!r}")
                except TimeoutError:
                    pytest.fail(f"{command!r}: not answered")
            assert b"Internal error" not in reply, command
        writer.close()
