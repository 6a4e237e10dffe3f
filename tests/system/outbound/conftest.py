"""The outbound service as a process, between a town of ours and an Internet of fakes."""

from __future__ import annotations

import asyncio
import contextlib
import email.message
import email.policy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import Unavailable
from merpati.platform.events import QUEUE, Bell
from merpati.platform.settings import Settings
from merpati.queue import Entry, Queue, QueueFiles
from merpati_smtp.outbound.__main__ import main
from tests.embedded import Cluster, Service
from tests.fakes.dns import FakeDNS
from tests.fakes.mx import FakeMX, Received
from tests.queueing import Enqueuer
from tests.town import Town, found_town


class World:
    """What a test of outbound needs."""

    def __init__(
        self, settings: Settings, home: Any, dns: FakeDNS, mx: FakeMX, town: Town, db: Database, bell: Bell
    ) -> None:
        self.settings = settings.model_copy(
            update={
                "dns_server": dns.endpoint,
                "smtp_out_port": mx.port,
                "queue_minimal_backoff": 0.3,
                "queue_maximal_backoff": 0.6,
                "sweep_interval": 0.3,
                "smtp_out_connect_timeout": 5.0,
                "smtp_out_timeout": 5.0,
            }
        )
        self.dns, self.mx, self.town, self.db = dns, mx, town, db
        self.queue = Queue(db, QueueFiles(settings.mail_root), None, settings)
        self._home = home
        self._bell = bell
        self._stack = contextlib.AsyncExitStack()
        self._enqueue = Enqueuer(db, settings)

    async def start(self, **changes: Any) -> asyncio.Event:
        """Start a worker in this process, with changed settings; it ends gracefully when the event is set."""
        stop = asyncio.Event()
        task = asyncio.create_task(main(self.settings.model_copy(update=changes), stop))

        async def end() -> None:
            stop.set()
            await task

        self._stack.push_async_callback(end)
        return stop

    def spawn(self, **changes: Any) -> Service:
        """Start a worker as the service runs it: a process, under uvloop."""
        service = Service("outbound", self.settings.model_copy(update=changes), self._home)
        self._stack.push_async_callback(asyncio.to_thread, service.close)
        return service.start()

    async def close(self) -> None:
        await self._stack.aclose()

    async def enqueue(self, *recipients: str, **fields: Any) -> None:
        """Enter rows from tito and ring."""
        await self._enqueue(*recipients, **{"sender": self.town.at("tito"), **fields})
        self._bell.ring(QUEUE)

    async def taken(self, count: int = 1, mx: FakeMX | None = None) -> list[Received]:
        """What the server took, as soon as there are `count`."""
        return await asyncio.to_thread((mx or self.mx).wait_for, count, 30)

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """The first true result of `condition`."""
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(Unavailable):  # Postgres comes back
                    if result := await condition():
                        return result
                await asyncio.sleep(0.02)

    async def settled(self) -> None:
        """Return when the queue is empty."""

        async def empty() -> bool:
            return not await self.queue.list()

        await self.until(empty)

    async def entry(self, status: str) -> Entry:
        """The first row whose last failure has that status."""

        async def find() -> Entry | None:
            return next((entry for entry in await self.queue.list() if entry.last_status == status), None)

        found = await self.until(find)
        assert isinstance(found, Entry)
        return found

    async def mailbox(self, account_id: int, count: int = 1) -> list[email.message.EmailMessage]:
        """The Inbox's messages, as soon as there are `count`."""

        async def look() -> Any:
            rows = await self.town.rows(
                "SELECT base FROM mail.mailbox_messages WHERE account_id = %s ORDER BY uid", account_id
            )
            return rows if len(rows) >= count else None

        files = self.town.files
        contents = [files.path(account_id, "", base, 0).read_bytes() for (base,) in await self.until(look)]
        return [email.message_from_bytes(content, policy=email.policy.default) for content in contents]

    async def trail(self, kind: str) -> list[dict[str, Any]]:
        """The details of all events of one kind."""
        return [
            detail
            for (detail,) in await self.town.rows(
                "SELECT detail FROM platform.mail_events WHERE kind = %s ORDER BY id", kind
            )
        ]


@pytest.fixture
def dns() -> Iterator[FakeDNS]:
    with FakeDNS() as dns:
        yield dns


@pytest.fixture
def mx(dns: FakeDNS) -> Iterator[FakeMX]:
    """The mail server of example.net."""
    with FakeMX() as mx:
        dns.mx("example.net", (10, "mx.example.net"))
        dns.address("mx.example.net", "127.0.0.1")
        yield mx


@pytest.fixture
async def world(
    cluster: Cluster,
    settings: Settings,
    dns: FakeDNS,
    mx: FakeMX,
    bell: Bell,
    database: Callable[..., Awaitable[Database]],
) -> AsyncIterator[World]:
    owner, db = await database("owner"), await database("outbound")
    async with owner.connection() as conn:
        await conn.execute("TRUNCATE queue.messages, platform.mail_events")
    town = await found_town(settings, owner, db)
    world = World(settings, cluster.home, dns, mx, town, db, bell)
    yield world
    await world.close()
