"""One destination: the mails that wait for it, the connections to it, and whether it answers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger
from merpati.queue import Failure, QueueFiles
from merpati_smtp.outbound import failures
from merpati_smtp.outbound.connection import Connection, Result
from merpati_smtp.outbound.events import Security
from merpati_smtp.outbound.link import HopFailed, Link, Manner, connect
from merpati_smtp.outbound.mail import Mail
from merpati_smtp.outbound.routes import Hop, NoRoute, Router
from merpati_smtp.outbound.signer import Signer

log = get_logger(__name__)

BACKLOG = 100
"""Mails that are kept in memory for one destination; more stay in the queue, for any worker."""
_IDLE = 1.0
"""Seconds for which an idle connection is kept for the next mail."""
_RETURNS = 2

Report = Callable[[Mail, Sequence[Result]], None]


@dataclass(frozen=True, slots=True)
class Means:
    """What all destinations share."""

    settings: Settings
    router: Router
    manner: Manner
    files: QueueFiles
    signer: Signer
    slots: asyncio.Semaphore
    """Outgoing connections in all."""
    ours: Callable[[Mail], bool]
    """Whether a mail that waited is still leased to this worker."""
    report: Report
    """Hears what became of each mail."""
    hungry: Callable[[], None]
    """Called when a destination that had its fill can take more."""
    crashed: Callable[[BaseException], None]
    """Called with a fault of ours."""


class Destination:
    """Mails for one next hop. `add` them; the rest goes by itself until `stop`."""

    def __init__(self, name: str, means: Means) -> None:
        self.name = name
        self._means = means
        self._waiting: deque[Mail] = deque()
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connected = 0
        self._idle = 0
        self._limit = means.settings.destination_concurrency
        self._failures = 0
        self._dead_until = 0.0
        self._sated = False
        self._stopping = False

    # The dispatcher's side

    def add(self, mail: Mail) -> None:
        self._waiting.append(mail)
        self._arrived.set()
        self._pump()

    @property
    def busy(self) -> bool:
        """Whether no more mail should be claimed for it now."""
        self._sated = len(self._waiting) >= BACKLOG
        return self._sated or time.monotonic() < self._dead_until

    @property
    def forgettable(self) -> bool:
        """Whether nothing is known of it that matters."""
        return not self._waiting and not self._tasks and time.monotonic() >= self._dead_until

    async def stop(self) -> None:
        """Finish the mails in hand and begin no other."""
        self._stopping = True
        self._arrived.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def revive(self) -> None:
        """Forget that it did not answer: the postmaster wants a try now."""
        self._dead_until = 0.0

    def abort(self) -> None:
        """Break off whatever is still going on."""
        for task in self._tasks:
            task.cancel()

    # Connections

    def _pump(self) -> None:
        """Open connections for the mails that no idle one will take."""
        opening = len(self._tasks) - self._connected
        wanted = len(self._waiting) - self._idle - opening
        while wanted > 0 and len(self._tasks) < self._limit and not self._stopping:
            task = asyncio.get_running_loop().create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            wanted -= 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._means.crashed(error)
        else:
            self._pump()

    async def _serve(self) -> None:
        """The life of one connection."""
        async with self._means.slots:
            if not self._waiting:
                return
            try:
                link = await self._open()
            except NoRoute as error:
                self._unreachable(error.failure)
                return
            self._failures, self._dead_until = 0, 0.0
            self._limit = min(self._limit + 1, self._means.settings.destination_concurrency)
            self._connected += 1
            connection = Connection(link, self._means.files, self._means.signer, self._take, self._done)
            try:
                await connection.work()
                while link.usable and await self._more(link):
                    await connection.work()
            finally:
                self._connected -= 1
            await link.close()

    async def _more(self, link: Link) -> bool:
        """Wait a moment for another mail."""
        if self._stopping:
            return False
        if self._waiting:
            return True
        self._arrived.clear()
        self._idle += 1
        arrived = asyncio.ensure_future(self._arrived.wait())
        closed = asyncio.ensure_future(link.wait_closed_by_peer())
        try:
            await asyncio.wait({arrived, closed}, timeout=_IDLE, return_when=asyncio.FIRST_COMPLETED)
            return arrived.done() and not closed.done()
        finally:
            self._idle -= 1
            for task in (arrived, closed):
                task.cancel()
            await asyncio.gather(arrived, closed, return_exceptions=True)

    async def _open(self) -> Link:
        """A session with the first hop that gives one. Raises `NoRoute`."""
        refusals: list[Failure] = []
        for hop in await self._means.router.route(self.name):
            try:
                return await self._open_hop(hop)
            except HopFailed as error:
                log.info("hop failed", destination=self.name, hop=hop.label, reason=error.failure.words)
                refusals.append(error.failure)
        temporary = [failure for failure in refusals if not failure.permanent]
        if not temporary:
            raise NoRoute(refusals[-1])  # every server refuses for good: the last one's words
        if len(refusals) == 1:
            raise NoRoute(temporary[0])
        raise NoRoute(failures.unreachable(self.name, [failure.words for failure in refusals]))

    async def _open_hop(self, hop: Hop) -> Link:
        manner = self._means.manner
        try:
            return await connect(hop, manner)
        except HopFailed as error:
            if not error.tls or manner.security is not Security.MAY:
                raise
        log.info("TLS failed, going on without", destination=self.name, hop=hop.label)
        return await connect(hop, replace(manner, security=Security.NEVER))

    # Mails

    def _take(self) -> Mail | None:
        while self._waiting and not self._stopping:
            mail = self._waiting.popleft()
            if self._sated and len(self._waiting) <= BACKLOG // 2:
                self._sated = False
                self._means.hungry()
            if self._means.ours(mail):
                return mail
        return None

    def _done(self, mail: Mail, results: Sequence[Result | None]) -> None:
        if None in results and mail.returns < _RETURNS:
            mail.returns += 1  # an idle connection that died, or a server that wants no more on this one
            self._waiting.appendleft(mail)
            return
        gone = failures.lost(self.name)
        self._means.report(mail, [result or gone for result in results])

    def _unreachable(self, failure: Failure) -> None:
        """No connection: tell every mail that waits, unless others are open and only this one was too many."""
        if self._connected:
            self._limit = max(1, self._connected)
            return
        if not failure.permanent:
            settings = self._means.settings
            wait = min(settings.queue_minimal_backoff * 2**self._failures, settings.queue_maximal_backoff)
            self._failures = min(self._failures + 1, 20)
            self._dead_until = time.monotonic() + wait
        while self._waiting:
            mail = self._waiting.popleft()
            self._means.report(mail, [failure] * len(mail.rows))
