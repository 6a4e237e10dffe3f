"""Doorbells over Redis pub/sub: they carry ids, never data, and losing one costs a sweep, never mail.

Whatever a ring announces is committed in Postgres before it is rung. So every watcher is called
- when the bell rings,
- after every reconnection (rings may have been lost meanwhile), and
- every `sweep_interval` while Redis is away;
and reads what is true from Postgres each time.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger

log = get_logger(__name__)

QUEUE = "merpati:queue"
"""Rung when outgoing or local mail was queued."""
RETRY = "merpati:retry"
"""Rung when a postmaster wants queued mail tried now, also where nobody answered lately."""
DIRECTORY = "merpati:directory"
"""Rung when a domain, account, address or credential changed: caches of the directory are dropped."""
JOBS = "merpati:jobs"
"""Rung when the worker has something to do."""

Watcher = Callable[[], None]


def account_channel(account_id: int) -> str:
    """Rung when anything in the account's mail changed: read the change log since your MODSEQ."""
    return f"merpati:account:{account_id}"


class Bell:
    """One process's doorbell: rings others and is rung by them."""

    def __init__(self, settings: Settings) -> None:
        self._interval = settings.sweep_interval
        self._voice = secrets.token_hex(
            8
        ).encode()  # what we publish, to know our own rings when they come back
        self._redis = Redis.from_url(settings.redis_endpoint, socket_connect_timeout=2, socket_timeout=None)
        self._watchers: dict[str, set[Watcher]] = defaultdict(set)
        self._pubsub: PubSub | None = None
        self._pending: dict[str, None] = {}  # in the order rung: caches drop before sessions look
        self._ringing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connected = False

    # Ringing

    def ring(self, *channels: str) -> None:
        """Ring, after the commit. Returns at once; local watchers hear it now, other processes in a moment."""
        self._pending.update(dict.fromkeys(channels))
        for channel in channels:
            self._call(channel)
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.get_running_loop().create_task(self._publish())

    def ring_accounts(self, account_ids: Iterable[int]) -> None:
        self.ring(*map(account_channel, account_ids))

    async def _publish(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, {}
            try:
                async with asyncio.timeout(3):
                    await self._send(batch)
            except (RedisError, OSError, TimeoutError) as error:  # they will sweep
                log.debug("bell not rung", error=str(error))

    async def _send(self, channels: Collection[str]) -> None:
        """PUBLISH on a connection of the pool; a pipeline's bookkeeping costs twice as much."""
        pool = self._redis.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            commands = [("PUBLISH", channel, self._voice) for channel in channels]
            await connection.send_packed_command(connection.pack_commands(commands))
            for _ in channels:
                await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)  # an answer may be on its way that nobody waits for
            raise
        finally:
            await pool.release(connection)

    # Being rung

    def watch(self, channel: str, watcher: Watcher) -> None:
        """Call `watcher` (quick, in the loop) whenever something may have changed. Also for our own rings."""
        new = channel not in self._watchers
        self._watchers[channel].add(watcher)
        if new and self._pubsub is not None and self.connected:
            self._spawn(self._subscribe(channel))

    def unwatch(self, channel: str, watcher: Watcher) -> None:
        """Stop calling `watcher`; unknown ones are ignored."""
        watchers = self._watchers.get(channel)
        if watchers is None:
            return
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[channel]
            if self._pubsub is not None and self.connected:
                self._spawn(self._unsubscribe(channel))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _subscribe(self, channel: str) -> None:
        try:
            if self._pubsub is not None and channel in self._watchers:
                await self._pubsub.subscribe(channel)
                self._call(channel)  # something may have changed between the caller's read and now
        except (RedisError, OSError):
            return  # run() reconnects and subscribes to everything

    async def _unsubscribe(self, channel: str) -> None:
        try:
            if self._pubsub is not None and channel not in self._watchers:
                await self._pubsub.unsubscribe(channel)
        except (RedisError, OSError):
            return

    def _call(self, channel: str) -> None:
        for watcher in tuple(self._watchers.get(channel, ())):
            watcher()

    def _call_all(self) -> None:
        for channel in tuple(self._watchers):
            self._call(channel)

    async def run(self) -> None:
        """Listen for ever; a background task of every service that watches."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                if self.connected:
                    log.warning("bell lost", error=str(error))
                self.connected = False
            finally:
                self.connected = False
                if self._pubsub is not None:
                    await self._pubsub.aclose()  # type: ignore[no-untyped-call]
                    self._pubsub = None
            self._call_all()  # nobody rings now: sweep instead
            await asyncio.sleep(self._interval)

    async def _listen(self) -> None:
        pubsub = self._redis.pubsub()
        self._pubsub = pubsub
        await pubsub.subscribe("merpati:all", *self._watchers)
        self.connected = True
        self._call_all()
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=None)
            if message is not None and message["data"] != self._voice:  # ours were heard when they were rung
                self._call(message["channel"].decode())

    async def close(self) -> None:
        if self._ringing is not None and not self._ringing.done():
            await self._ringing
        await self._redis.aclose()
