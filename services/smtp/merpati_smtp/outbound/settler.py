"""Enters in the queue what became of mails: in batches, and for as long as it takes while Postgres is away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from merpati.platform import mail_events
from merpati.platform.errors import Unavailable
from merpati.platform.telemetry import get_logger
from merpati.queue import Failure, Outcome, Queue, QueueRow, completed
from merpati_smtp.outbound.connection import Result, Sent
from merpati_smtp.outbound.mail import Mail

log = get_logger(__name__)

_PAUSE = 1.0
"""Seconds between tries while Postgres or the disk is away."""
_BATCH = 500


class Settler:
    """`add` results from anywhere in the loop; `run` writes them down; `settled` hears of rows that are done with."""

    def __init__(self, queue: Queue, settled: Callable[[Sequence[QueueRow]], None]) -> None:
        self._queue = queue
        self._settled = settled
        self._outcomes: list[Outcome] = []
        self._bounces: deque[tuple[str, list[tuple[QueueRow, Failure]]]] = deque()
        self._work = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, mail: Mail, results: Sequence[Result]) -> None:
        """What became of each recipient of `mail`."""
        refused: list[tuple[QueueRow, Failure]] = []
        expired: list[tuple[QueueRow, Failure]] = []
        for row, result in zip(mail.rows, results, strict=True):
            if isinstance(result, Sent):
                self.finish(completed(row, remote=result.remote, reply=result.reply, tls=result.tls))
            elif result.permanent:
                refused.append((row, result))
            elif (outcome := self._queue.deferred(row, result)) is not None:
                self.finish(outcome)
            else:
                expired.append((row, result))
        if refused:
            self._bounces.append((mail_events.BOUNCED, refused))
        if expired:
            self._bounces.append((mail_events.EXPIRED, expired))
        self._rouse()

    def finish(self, outcome: Outcome) -> None:
        """Write down one outcome as it is."""
        self._outcomes.append(outcome)
        self._rouse()

    def _rouse(self) -> None:
        self._empty.clear()
        self._work.set()

    async def run(self) -> None:
        """Write down for ever."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._write()
            except Unavailable as error:
                log.warning("outcomes not entered yet", error=str(error), waiting=len(self._outcomes))
                await asyncio.sleep(_PAUSE)
                self._work.set()

    async def drain(self) -> None:
        """Return when everything that was added is written down."""
        await self._empty.wait()

    async def _write(self) -> None:
        while self._outcomes:
            # Taken out only after they are entered; entering twice does nothing the second time.
            batch = self._outcomes[:_BATCH]
            await self._queue.settle(batch)
            del self._outcomes[: len(batch)]
            self._settled([outcome.row for outcome in batch])
        while self._bounces:
            event, failures = self._bounces.popleft()
            try:
                await self._queue.bounce(failures, event=event)
            except BaseException:
                self._bounces.append(
                    (event, failures)
                )  # behind the others: it may be the only one that can't be
                raise
            self._settled([row for row, _ in failures])
        if not self._outcomes:
            self._empty.set()
