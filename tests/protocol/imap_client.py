"""A small IMAP client for tests: keeps what the server told it, as a mail program would."""

from __future__ import annotations

import asyncio
import re

DEADLINE = 30.0
_FETCH = re.compile(rb"\* (\d+) FETCH \((.*)\)\r\n", re.DOTALL)
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")


class ImapClient:
    """One connection; `flags` are those of each message, None where they were not told yet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.flags: list[frozenset[str] | None] = []
        self.selected = ""
        self.bye = b""
        self._count = 0

    @classmethod
    async def connect(
        cls, port: int, username: str = "", password: str = "", *, limit: int = 2**26
    ) -> ImapClient:
        """`limit`: octets that the client takes in by itself before its caller reads them."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port, limit=limit))
        await client.line()
        if username:
            await client.ok(f"LOGIN {username} {password}".encode())
        return client

    async def line(self) -> bytes:
        """A whole response, with its literals; empty: the server closed."""
        async with asyncio.timeout(DEADLINE):
            line = await self.reader.readline()
            while match := _LITERAL.search(line):
                line += await self.reader.readexactly(int(match[1])) + await self.reader.readline()
        return line

    async def command(self, text: bytes) -> tuple[bytes, list[bytes]]:
        """The tagged reply (without its tag) and the untagged ones."""
        self._count += 1
        tag = b"t%d " % self._count
        self.writer.write(tag + text + b"\r\n")
        untagged: list[bytes] = []
        while True:
            line = await self.line()
            if line.startswith(tag):
                return line[len(tag) :].rstrip(), untagged
            if not line:
                raise ConnectionError(self.bye.decode() or "closed")
            self.take(line)
            untagged.append(line)

    async def ok(self, text: bytes) -> list[bytes]:
        reply, untagged = await self.command(text)
        assert reply.startswith(b"OK"), (text, reply)
        return untagged

    def take(self, line: bytes) -> None:
        """Apply an untagged response."""
        words = line.split()
        if line.startswith(b"* BYE"):
            self.bye = line
        elif line.endswith(b" EXISTS\r\n"):
            count = int(words[1])
            assert count >= len(self.flags), "EXISTS shrank the mailbox"
            self.flags += [None] * (count - len(self.flags))
        elif line.endswith(b" EXPUNGE\r\n"):
            del self.flags[int(words[1]) - 1]
        elif (match := _FETCH.fullmatch(line)) and (found := re.search(rb"FLAGS \(([^)]*)\)", match[2])):
            told = frozenset(found[1].decode().split()) - {"\\Recent"}
            self.flags[int(match[1]) - 1] = told

    async def select(self, mailbox: str) -> None:
        self.flags = []
        self.selected = mailbox
        await self.ok(b'SELECT "%b"' % mailbox.encode())

    async def listing(self) -> list[tuple[int, frozenset[str]]]:
        """UID and flags of every message, by number: by FETCH, during which no number moves."""
        found: dict[int, tuple[int, frozenset[str]]] = {}
        if not self.flags:
            return []
        for line in await self.ok(b"FETCH 1:* (UID FLAGS)"):
            if match := re.fullmatch(rb"\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\)\)\r\n", line):
                flags = frozenset(match[3].decode().split()) - {"\\Recent"}
                found[int(match[1])] = (int(match[2]), flags)
        return [found[number] for number in sorted(found)]

    def close(self) -> None:
        self.writer.close()
