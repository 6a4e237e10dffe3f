"""Takes rows out of the queue and hands them to their destinations, as many as are good for memory and peace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from merpati.platform import service
from merpati.platform.errors import Unavailable
from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger
from merpati.queue import Queue, QueueFiles, QueueRow, delivered
from merpati_smtp.outbound import failures
from merpati_smtp.outbound.destination import Destination, Means
from merpati_smtp.outbound.held import Held
from merpati_smtp.outbound.local import LocalDelivery
from merpati_smtp.outbound.mail import Mail, group
from merpati_smtp.outbound.manners import manner
from merpati_smtp.outbound.routes import Router
from merpati_smtp.outbound.settler import Settler
from merpati_smtp.outbound.signer import Signer

log = get_logger(__name__)

_CLAIM = 100
_HELD = 2_000
"""Rows in memory; more stay in the queue, for any worker."""
_LOCAL = 50
"""Local deliveries at a time; they share their commits."""
_GRACE = 20.0
"""Seconds in which the mails in hand may be finished at a stop."""
_RELAY = "the relayhost"


class Dispatcher:
    """One worker of the queue: `claims` and `upkeep` run until `stop`; `wake` it when something was queued."""

    def __init__(
        self,
        queue: Queue,
        files: QueueFiles,
        router: Router,
        signer: Signer,
        local: LocalDelivery,
        settings: Settings,
    ) -> None:
        self._queue = queue
        self._local = local
        self._settings = settings
        self._relay = router.relay is not None
        self._wake = asyncio.Event()
        self._held = Held(settings.queue_lease)
        self._full = False
        self._fault: BaseException | None = None
        self._settler = Settler(queue, self._settled)
        self._destinations: dict[str, Destination] = {}
        self._locals: set[asyncio.Task[None]] = set()
        self._means = Means(
            settings=settings,
            router=router,
            manner=manner(settings, router.relay),
            files=files,
            signer=signer,
            slots=asyncio.Semaphore(settings.outbound_connections),
            ours=self._held.ours,
            report=self._settler.add,
            hungry=self.wake,
            crashed=self._crashed,
        )

    def wake(self) -> None:
        """Something was queued, or there is room for more."""
        self._wake.set()

    def revive(self) -> None:
        """A postmaster wants rows tried now: destinations that did not answer are asked again."""
        for destination in self._destinations.values():
            destination.revive()
        self.wake()

    # Life

    async def claims(self) -> None:
        """Claim and dispatch for ever. A fault of ours anywhere ends it, and so the process: others take over."""
        while True:
            if self._fault is not None:
                raise self._fault
            self._wake.clear()
            try:
                more = await self._claim()
            except Unavailable as error:
                log.warning("queue not readable now", error=str(error))
                more = False
            if not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.sweep_interval):
                        await self._wake.wait()

    async def upkeep(self) -> None:
        """Keep leases and write outcomes down, for ever; also while the service finishes what it has in hand."""
        tasks = [asyncio.ensure_future(self._settler.run()), asyncio.ensure_future(self._heartbeats())]
        try:
            await asyncio.gather(*tasks)
        finally:
            await service.end(*tasks)

    async def stop(self) -> None:
        """Finish the mails in hand, write down what became of them, and give the others back."""
        stopping = [destination.stop() for destination in self._destinations.values()]
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await asyncio.gather(*stopping)
                if self._locals:
                    await asyncio.wait(set(self._locals))
        for destination in self._destinations.values():
            destination.abort()
        with suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(_GRACE / 4):
                await self._settler.drain()
                await self._queue.give_back()

    # Claiming

    async def _claim(self) -> bool:
        """One claim; whether another may find more."""
        wanted = min(_CLAIM, _HELD - len(self._held))
        self._full = wanted <= 0
        if self._full:
            return False
        for name in [name for name, known in self._destinations.items() if known.forgettable]:
            del self._destinations[name]
        busy = [name for name, known in self._destinations.items() if known.busy]
        remote = not (self._relay and busy)
        if len(self._locals) >= _LOCAL:
            busy.append("")
        rows = await self._queue.claim(wanted, busy=busy, remote=remote)
        self._held.add(rows)
        for mail in group(rows):
            self._dispatch(mail)
        return len(rows) == wanted

    def _dispatch(self, mail: Mail) -> None:
        first = mail.rows[0]
        if first.kind == "local":
            task = asyncio.get_running_loop().create_task(self._deliver_here(first))
            self._locals.add(task)
            task.add_done_callback(self._delivered_here)
        elif self._settings.outgoing == "off":
            self._settler.add(mail, [failures.outgoing_is_off()] * len(mail.rows))
        else:
            self._destination(_RELAY if self._relay else first.next_hop).add(mail)

    def _destination(self, name: str) -> Destination:
        if name not in self._destinations:
            self._destinations[name] = Destination(name, self._means)
        return self._destinations[name]

    async def _deliver_here(self, row: QueueRow) -> None:
        failure = await self._local.deliver(row)
        if failure is None:
            self._settler.finish(delivered(row))
        else:
            self._settler.add(Mail([row]), [failure])

    def _delivered_here(self, task: asyncio.Task[None]) -> None:
        self._locals.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._crashed(error)
        if len(self._locals) == _LOCAL - 1:
            self.wake()

    def _crashed(self, error: BaseException) -> None:
        self._fault = error
        self.wake()

    # Keeping

    def _settled(self, rows: Sequence[QueueRow]) -> None:
        self._held.remove(rows)
        if self._full and len(self._held) < _HELD // 2:
            self.wake()

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._settings.queue_lease / 3)
            rows = self._held.rows()
            try:
                if rows:
                    self._held.prolong(await self._queue.heartbeat(rows))
            except Unavailable as error:
                log.warning("leases not prolonged", error=str(error))
