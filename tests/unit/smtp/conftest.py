"""The SMTP service in the test's own loop, over real Postgres and real sockets; only auth is pretended."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from merpati.directory import Verdict
from merpati.platform.db import Database
from merpati.platform.errors import BadCredentials, Unavailable
from merpati.platform.settings import Settings
from merpati_smtp.service import Service
from tests.town import Town, found_town

DEADLINE = 10.0  # guards against hangs only
PASSWORD = "merpati balik"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the service runs on."""
    return {"uvloop": uvloop.new_event_loop}


class Client:
    """A client that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> str:
        """The next line; empty where the server closed."""
        async with asyncio.timeout(DEADLINE):
            try:
                return (await self.reader.readline()).decode().rstrip("\r\n")
            except ConnectionError:
                return ""

    async def reply(self) -> str:
        """The last line of the next reply."""
        while (line := await self.line())[3:4] == "-":
            pass
        return line

    def send(self, data: bytes | str) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)

    async def say(self, line: str) -> str:
        self.send(f"{line}\r\n")
        return await self.reply()

    async def lines(self, line: str) -> list[str]:
        self.send(f"{line}\r\n")
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return lines

    async def start_tls(self, ca: str) -> None:
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False
        await self.writer.start_tls(context)

    async def envelope(self, recipient: str, sender: str = "a@b.example") -> str:
        """EHLO to DATA; the last reply."""
        await self.say("EHLO client.example")
        await self.say(f"MAIL FROM:<{sender}>")
        await self.say(f"RCPT TO:<{recipient}>")
        return await self.say("DATA")

    def close(self) -> None:
        self.writer.close()


@dataclass
class Post:
    """A running service, its town, and clients of both."""

    service: Service
    town: Town
    clients: list[Client] = field(default_factory=list)
    passwords: dict[str, int] = field(default_factory=dict)
    auth_away: bool = False

    async def connect(self, listener: int = 0, *, greeted: bool = True) -> Client:
        port = self.service.listeners[listener].port
        context = None
        if listener == 2:
            context = ssl.create_default_context(cafile=str(self.service.settings.data / "tls" / "ca.pem"))
            context.check_hostname = False
        client = Client(*await asyncio.open_connection("127.0.0.1", port, ssl=context))
        self.clients.append(client)
        if greeted:
            assert (await client.line()).startswith("220 ")
        return client

    async def secure(self) -> Client:
        """A client on the submission port, after STARTTLS and EHLO."""
        client = await self.connect(1)
        await client.say("EHLO client.example")
        await client.say("STARTTLS")
        await client.start_tls(str(self.service.settings.data / "tls" / "ca.pem"))
        await client.say("EHLO client.example")
        return client

    async def logged_in(self, name: str) -> Client:
        client = await self.secure()
        token = base64.b64encode(f"\0{self.town.at(name)}\0{PASSWORD}".encode()).decode()
        assert (await client.say(f"AUTH PLAIN {token}")).startswith("235 2.7.0")
        return client

    async def verify(self, username: str, password: str, **_: Any) -> Verdict:
        if self.auth_away:
            raise Unavailable("auth is away")
        if password != PASSWORD or username not in self.passwords:
            raise BadCredentials("wrong")
        return Verdict(self.passwords[username], username, "user", True, 1, "", "en")

    async def account(self, name: str, quota: int | None = None) -> int:
        account_id = await self.town.account(name, quota)
        self.passwords[self.town.at(name)] = account_id
        return account_id


OpenPost = Callable[..., Awaitable[Post]]


@pytest.fixture
async def open_post(
    settings: Settings, database: Callable[..., Awaitable[Database]]
) -> AsyncIterator[OpenPost]:
    """`post = await open_post(smtp_error_limit=3)`: a service with other settings."""
    running: list[tuple[asyncio.Event, asyncio.Task[None], Post]] = []

    async def make(**overrides: Any) -> Post:
        own = settings.model_copy(
            update={"smtp_port": 0, "submission_port": 0, "submissions_port": 0, **overrides}
        )
        own.__dict__.pop("networks", None)
        service = Service(own)
        post = Post(service, await found_town(own, await database("owner"), await database("smtp")))
        service.auth.verify = post.verify  # type: ignore[method-assign]
        stop = asyncio.Event()
        task = asyncio.create_task(service.run(stop))
        running.append((stop, task, post))
        async with asyncio.timeout(DEADLINE):
            while not all(listener.is_open for listener in service.listeners):
                await asyncio.sleep(0.01)
        return post

    yield make
    for stop, task, post in running:
        for client in post.clients:
            client.close()
        stop.set()
        await task


@pytest.fixture
async def post(open_post: OpenPost) -> Post:
    return await open_post()
