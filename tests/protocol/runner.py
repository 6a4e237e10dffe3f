"""Replays a transcript against a running server, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

from tests.protocol.transcript import Step, Transcript, fill, matches, octets

DEADLINE = 20.0
"""Seconds a line may take to come: only a guard against hangs."""


class Mismatch(AssertionError):
    """The server said something else than the transcript."""


class Client:
    """One connection of a transcript."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, bytewise: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._bytewise = bytewise
        self._unsent = b""

    @classmethod
    async def connect(cls, port: int, *, bytewise: bool) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024 * 1024)
        return cls(reader, writer, bytewise=bytewise)

    def send(self, data: bytes) -> None:
        """Collect: lines that stand side by side go out in one piece, or octet by octet."""
        self._unsent += data

    async def flush(self) -> None:
        data, self._unsent = self._unsent, b""
        if not data:
            return
        if not self._bytewise:
            self._writer.write(data)
            await self._writer.drain()
            return
        for at in range(len(data)):
            self._writer.write(data[at : at + 1])
            await self._writer.drain()
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the server's loop is ours: it reads this octet now

    async def line(self) -> str | None:
        """The server's next line; None: it closed."""
        async with asyncio.timeout(DEADLINE):
            line = await self._reader.readline()
        return line.decode("latin-1").removesuffix("\n").removesuffix("\r") if line else None

    async def start_tls(self, ca: str) -> None:
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False
        async with asyncio.timeout(DEADLINE):
            await self._writer.start_tls(context)

    def close_sending(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


async def replay(transcript: Transcript, port: int, *, bytewise: bool, ca: str) -> None:
    """Raises `Mismatch` where the server does not keep to the transcript."""
    run = _Run(transcript, port, bytewise, ca)
    try:
        for group in _groups(transcript.steps):
            await run.group(group)
    finally:
        run.close()


def _groups(steps: list[Step]) -> Iterator[list[Step]]:
    """`S*` lines that stand side by side are one group, every other line is its own."""
    group: list[Step] = []
    for step in steps:
        if group and not (step.kind == group[-1].kind == "S*" and step.connection == group[-1].connection):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


class _Run:
    def __init__(self, transcript: Transcript, port: int, bytewise: bool, ca: str) -> None:
        self._transcript = transcript
        self._port = port
        self._bytewise = bytewise
        self._ca = ca
        self._clients: dict[str, Client] = {}
        self._remembered: dict[str, str] = {}

    async def group(self, steps: list[Step]) -> None:
        step = steps[0]
        client = await self._client(step.connection)
        if step.kind == "C:":
            client.send(fill(step.text, self._remembered).encode() + b"\r\n")
            return
        if step.kind == "C-":
            client.send(octets(fill(step.text, self._remembered)))
            return
        for each in self._clients.values():
            await each.flush()
        if step.kind == "TLS":
            await client.start_tls(self._ca)
        elif step.kind == "CLOSE":
            client.close_sending()
        elif step.kind == "END":
            self._expect(step, None, await client.line())
        elif step.kind == "S~":
            await self._skip(step, client)
        else:
            await self._lines(steps, client)

    async def _client(self, name: str) -> Client:
        if name not in self._clients:
            self._clients[name] = await Client.connect(self._port, bytewise=self._bytewise)
        return self._clients[name]

    async def _lines(self, steps: list[Step], client: Client) -> None:
        open_steps = list(steps)
        while open_steps:
            line = await client.line()
            found = next((s for s in open_steps if line is not None and self._fits(s, line)), None)
            if found is None:
                self._expect(open_steps[0], open_steps[0].text, line)
            else:
                open_steps.remove(found)

    async def _skip(self, step: Step, client: Client) -> None:
        line = await client.line()
        while line is not None and not self._fits(step, line):
            line = await client.line()
        if line is None:
            self._expect(step, step.text, None)

    def _fits(self, step: Step, line: str) -> bool:
        expected = step.text.encode().decode("latin-1")
        return matches(expected, line, self._remembered)

    def _expect(self, step: Step, expected: str | None, line: str | None) -> None:
        if line != expected:
            said = "(closed)" if line is None else line
            wanted = "(closed)" if expected is None else expected
            raise Mismatch(
                f"{self._transcript.path.name}:{step.number}\n  expected {wanted}\n  got      {said}"
            )

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
