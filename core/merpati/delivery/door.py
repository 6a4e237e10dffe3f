"""`Delivery`, the one door: every message that is to lie in a mailbox or the queue comes through here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from merpati.delivery import sql
from merpati.delivery.committer import Committer, NotPlaced
from merpati.delivery.headers import Head, check_loop, head
from merpati.delivery.plan import Material, Plan, Planner, Refused
from merpati.delivery.types import Delivered, Incoming
from merpati.message import header_end, summarise
from merpati.platform.db import Database
from merpati.platform.errors import Unavailable
from merpati.platform.events import QUEUE, Bell
from merpati.platform.settings import Settings
from merpati.queue import make_spool
from merpati.store import MailFiles, SpooledFile

HEADER = 256 * 1024
"""How much of a message is looked at for its header."""
_IN_THREAD = 128 * 1024
"""Messages above this are read over in a thread: the loop has others to serve."""
_ROOM_TTL = 2.0
_ROOM_REMEMBERED = 10_000
_REPLANS = 10


class Delivery:
    """Expand, check, write, enter, ring. One for each process; concurrent deliveries share their commits."""

    def __init__(self, db: Database, files: MailFiles, bell: Bell | None, settings: Settings) -> None:
        self._db = db
        self._files = files
        self._bell = bell
        self._settings = settings
        self._committer = Committer(db, files, settings)
        self._planner = Planner(files, settings.quota_grace)
        self._large = asyncio.Semaphore(2)
        self._room: dict[int, tuple[float, int, int]] = {}
        self._tasks: set[asyncio.Task[Delivered]] = set()
        make_spool(files.root)

    async def deliver(self, incoming: Incoming) -> Delivered:
        """Give the message to its recipients, all or none; returns when that is durable and rung.

        Raises `Loop`, `Undeliverable`, or `Unavailable` with its kinds. A spooled message is used up either way.
        """
        if isinstance(incoming.content, bytes):
            return await self._deliver(incoming)
        # Whoever waits may be cancelled, but the file must not vanish while it is being linked.
        task = asyncio.create_task(self._deliver(incoming))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def full(self, account_ids: Collection[int], size: int) -> frozenset[int]:
        """Which of the accounts have no room for `size` octets: asked before a message is taken, moments old."""
        now = time.monotonic()
        unknown = [item for item in account_ids if self._room.get(item, (0.0,))[0] < now]
        if unknown:
            await self._ask_room(unknown, now)
        rooms = [(item, *self._room[item][1:]) for item in account_ids if item in self._room]
        return frozenset(item for item, used, quota in rooms if 0 < quota < used + size)

    async def drain(self) -> None:
        """Wait until every message in hand is entered."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self._committer.drain()

    async def _deliver(self, incoming: Incoming) -> Delivered:
        try:
            plan = await self._enter(incoming, await self._material(incoming))
        finally:
            if isinstance(incoming.content, SpooledFile):
                incoming.content.discard()
        self._ring(plan)
        return Delivered(incoming.trace_id, plan.outcomes)

    async def _ask_room(self, account_ids: list[int], now: float) -> None:
        if len(self._room) > _ROOM_REMEMBERED:
            self._room.clear()
        async with self._db.connection() as conn:
            cursor = await conn.execute(sql.ROOM, (self._settings.mailbox_size_limit, account_ids))
            for account_id, used, quota in await cursor.fetchall():
                self._room[account_id] = (now + _ROOM_TTL, used, quota)

    async def _enter(self, incoming: Incoming, material: Material) -> Plan:
        refused = Refused()
        for _ in range(_REPLANS):
            plan = self._planner.plan(incoming, material, refused)
            try:
                await self._committer.enter(plan)
            except NotPlaced as error:
                refused = Refused(refused.full | error.refused.full, refused.gone | error.refused.gone)
            else:
                return plan
        raise RuntimeError("a message was refused for ever")

    async def _material(self, incoming: Incoming) -> Material:
        front = head(incoming.sender, incoming.recipients, incoming.trace)
        content = incoming.content
        if isinstance(content, SpooledFile):
            async with self._large:
                return await asyncio.to_thread(self._spooled, incoming, content, front)
        self._check(content, incoming)
        whole = b"".join((front.prefix, front.trace, incoming.additions, content))
        if len(whole) > _IN_THREAD:
            return Material(front, (whole,), await asyncio.to_thread(summarise, whole))
        return Material(front, (whole,), summarise(whole))

    def _spooled(self, incoming: Incoming, spooled: SpooledFile, front: Head) -> Material:
        start = front.prefix + front.trace + incoming.additions
        fits = len(start) == spooled.room
        try:
            if fits:
                spooled.fill(start)
            data = spooled.path.read_bytes()
        except OSError as error:
            raise Unavailable(f"spool not readable: {error.strerror}") from error
        self._check(data[spooled.room : spooled.room + HEADER], incoming)
        whole = data if fits else start + data[spooled.room :]
        return Material(front, spooled if fits else (whole,), summarise(whole))

    def _check(self, content: bytes, incoming: Incoming) -> None:
        header = content[: header_end(content, 0, min(len(content), HEADER))]
        check_loop(header, incoming.recipients, self._settings.myhostname, self._settings.hopcount_limit)

    def _ring(self, plan: Plan) -> None:
        if self._bell is None:
            return
        self._bell.ring_accounts({item.account_id for item in plan.placements})
        if plan.rows:
            self._bell.ring(QUEUE)
