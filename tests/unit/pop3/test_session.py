"""A POP3 session without sockets: whatever is said, each line gets one answer, and marks mean what they say."""

from __future__ import annotations

import asyncio
import base64
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from merpati.directory import Verdict
from merpati.platform.errors import BadCredentials
from merpati_imap_pop.pop3.commands.context import Context, State
from merpati_imap_pop.pop3.session import Session

MAILS = [b"Subject: %d\r\n\r\n.dot\r\nbody\r\n" % number for number in range(3)]
PLAIN = base64.b64encode(b"\0tito\0secret")


class Channel:
    """Keeps what was written."""

    secure = True
    peer = "192.0.2.1"

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    async def drain(self) -> None: ...

    def stop_reading(self) -> None: ...

    async def start_tls(self) -> bool:
        raise AssertionError("TLS is on already")

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        raise AssertionError("nothing fails here")


class Mails:
    """As much of the store as POP3 asks for, over three messages."""

    def __init__(self) -> None:
        self.expunged: list[int] = []
        self.seen: list[int] = []

    async def mailbox(self, account_id: int, name: str) -> Any:
        return SimpleNamespace(id=7, uidvalidity=1, size=sum(map(len, MAILS)))

    async def snapshot(self, account_id: int, mailbox_id: int) -> Any:
        mailbox = await self.mailbox(account_id, "INBOX")
        return SimpleNamespace(mailbox=mailbox, uids=array("Q", [10, 20, 30]), flags=array("H", [0, 0, 0]))

    async def rows(self, *arguments: Any) -> AsyncIterator[tuple[int, int]]:
        for uid, mail in zip((10, 20, 30), MAILS, strict=True):
            yield uid, len(mail)

    async def chunks(self, account_id: int, mailbox_id: int, uid: int) -> AsyncGenerator[bytes, None]:
        mail = MAILS[uid // 10 - 1]
        for at in range(0, len(mail), 5):
            yield mail[at : at + 5]

    async def store_flags(self, account_id: int, mailbox_id: int, uids: Iterable[int], *rest: Any) -> None:
        self.seen += uids

    async def expunge(self, account_id: int, mailbox_id: int, uids: Sequence[int], **only: bool) -> None:
        self.expunged += uids


class Logins:
    def allows_password(self, *, secure: bool) -> bool:
        return secure

    async def verify(self, username: str, password: str, **about: str) -> Verdict:
        if (username, password) != ("tito", "secret"):
            raise BadCredentials("wrong")
        return Verdict(1, "tito@example.com", "user", True, 1, "", "en")


def new_session() -> tuple[Session, Context, Channel, Mails]:
    channel, mails = Channel(), Mails()
    services = SimpleNamespace(
        settings=SimpleNamespace(auth_mechanisms="plain login"), logins=Logins(), store=mails
    )
    context = Context(channel, services)  # type: ignore[arg-type]
    return Session(context), context, channel, mails


async def say(session: Session, line: bytes) -> None:
    handling = session.receive(line)
    if handling is not None:
        await handling


COMMANDS = b"CAPA STLS USER PASS AUTH STAT LIST RETR DELE NOOP RSET TOP UIDL QUIT".split()
ARGUMENTS = b"tito secret PLAIN LOGIN * = 0 1 2 3 4 -1 99999999999 dGl0bw==".split()
WORDS = st.sampled_from([*COMMANDS, *ARGUMENTS, PLAIN, b"", b"\0", b"\xff\xfe"])
LINES = st.lists(st.one_of(st.lists(WORDS, max_size=4).map(b" ".join), st.binary(max_size=20)), max_size=25)


@seed(1081)
@settings(max_examples=400, deadline=None)
@given(st.booleans(), LINES)
def test_every_line_gets_one_answer(log_in: bool, lines: list[bytes]) -> None:
    async def play() -> None:
        session, context, channel, mails = new_session()
        for line in [b"USER tito", b"PASS secret"] * log_in + lines:
            if context.state is State.OVER:
                break
            before, channel.written = channel.written, b""
            await say(session, line)
            answer = channel.written
            assert answer.endswith(b"\r\n")
            assert answer.startswith((b"+OK", b"-ERR ", b"+ ")), (before, line, answer)
            first = answer.index(b"\r\n") + 2
            assert first <= 512  # RFC 2449 4
            # More than one line: only the listings, and those end with their dot.
            assert first == len(answer) or answer.endswith(b"\r\n.\r\n")
        assert channel.closed == (context.state is State.OVER)
        assert context.state is State.OVER or not (mails.expunged or mails.seen)

    asyncio.run(play())


@seed(1082)
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"DELE", b"RSET", b"RETR", b"TOP", b"LIST"]), st.integers(0, 4)),
        max_size=20,
    )
)
def test_quit_does_what_was_marked(steps: list[tuple[bytes, int]]) -> None:
    """Against a model: marks since the last RSET are removed, what was fetched and stays is \\Seen."""

    async def play() -> None:
        session, _, channel, mails = new_session()
        await say(session, b"AUTH PLAIN " + PLAIN)
        marked: set[int] = set()
        read: set[int] = set()
        for command, number in steps:
            exists = 1 <= number <= 3 and number not in marked
            arguments = {b"RSET": b"", b"TOP": b" %d 1" % number}.get(command, b" %d" % number)
            channel.written = b""
            await say(session, command + arguments)
            assert channel.written.startswith(b"+OK" if exists or command == b"RSET" else b"-ERR")
            if command == b"RSET":
                marked.clear()
            elif command == b"DELE" and exists:
                marked.add(number)
            elif command == b"RETR" and exists:
                read.add(number)
        await say(session, b"QUIT")
        assert mails.expunged == [10 * number for number in sorted(marked)]
        assert mails.seen == [10 * number for number in sorted(read - marked)]

    asyncio.run(play())
