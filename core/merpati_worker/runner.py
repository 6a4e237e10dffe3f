"""Running jobs: each is leased in platform.jobs by Postgres's clock, so that several workers may run."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence

import psycopg

from merpati.platform.errors import MerpatiError, Unavailable
from merpati.platform.events import JOBS as JOBS_CHANNEL
from merpati.platform.telemetry import get_logger
from merpati.store.context import Context
from merpati_worker.jobs import Job

log = get_logger(__name__)

LEASE = 600.0  # renewed while the job runs
_RETRY = 30.0  # after a job that failed

_CLAIM = """UPDATE platform.jobs SET lease_until = now() + make_interval(secs => %(lease)s), worker = %(worker)s
 WHERE name = (SELECT name FROM platform.jobs
                WHERE name = ANY (%(names)s) AND next_at <= now() AND (lease_until IS NULL OR lease_until < now())
                ORDER BY array_position(%(names)s, name) LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING name, extract(epoch FROM now() - last_ran)::float8"""
_RENEW = """UPDATE platform.jobs SET lease_until = now() + make_interval(secs => %s) WHERE name = %s AND worker = %s"""
_DONE = """UPDATE platform.jobs SET lease_until = NULL, worker = NULL, last_error = %(error)s,
    next_at = now() + make_interval(secs => %(wait)s),
    last_ran = CASE WHEN %(error)s::text IS NULL THEN %(began)s ELSE last_ran END
 WHERE name = %(name)s AND worker = %(worker)s"""
_NEAR = """UPDATE platform.jobs j SET next_at = least(j.next_at, now() + make_interval(secs => t.wait))
  FROM unnest(%s::text[], %s::float8[]) AS t (name, wait) WHERE j.name = t.name"""


class Runner:
    """Claims and runs the jobs of one table, one after the other."""

    def __init__(self, context: Context, jobs: Sequence[Job]) -> None:
        self._context = context
        self._jobs = {job.name: job for job in jobs}
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There may be something to do now."""
        self._rung.set()

    async def run(self) -> None:
        """Work for ever; with Postgres away, wait for it."""
        if self._context.bell is not None:
            self._context.bell.watch(JOBS_CHANNEL, self.ring)
        entered = False
        while True:
            rung = self._rung.is_set()
            self._rung.clear()
            try:
                if not entered:
                    await self.enter()
                    entered = True
                if rung:
                    await self._make_due([job.name for job in self._jobs.values() if job.on_ring])
                while await self.run_one():
                    pass
            except Unavailable as error:
                log.warning("jobs wait", error=str(error))
            try:
                async with asyncio.timeout(self._context.settings.sweep_interval):
                    await self._rung.wait()
            except TimeoutError:
                continue

    async def run_one(self) -> bool:
        """Run the first job that is due; False where none is."""
        async with self._context.db.connection() as conn:
            cursor = await conn.execute(
                _CLAIM, {"lease": LEASE, "worker": self._worker, "names": list(self._jobs)}
            )
            row = await cursor.fetchone()
            if row is None:
                return False
            began = (await (await conn.execute("SELECT now()")).fetchone() or (None,))[0]
        job, since = self._jobs[row[0]], row[1]
        error = await self._work(job, since)
        async with self._context.db.connection() as conn:
            await conn.execute(
                _DONE,
                {
                    "error": error,
                    "wait": _RETRY if error else job.interval(self._context.settings),
                    "began": began,
                    "name": job.name,
                    "worker": self._worker,
                },
            )
        return True

    async def _work(self, job: Job, since: float | None) -> str | None:
        heart = asyncio.create_task(self._heartbeat(job.name))
        try:
            done = await job.run(self._context, since)
        except (MerpatiError, OSError, psycopg.Error) as error:
            log.warning("job failed", job=job.name, error=str(error))
            return str(error) or type(error).__name__
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
        if done:
            log.info("job done", job=job.name, done=done)
        return None

    async def _heartbeat(self, name: str) -> None:
        while True:
            await asyncio.sleep(LEASE / 4)
            async with self._context.db.connection() as conn:
                await conn.execute(_RENEW, (LEASE, name, self._worker))

    async def enter(self) -> None:
        """Make the rows of jobs that this database has not seen; none rests longer than its interval is now."""
        settings = self._context.settings
        async with self._context.db.connection() as conn:
            await conn.execute(
                "INSERT INTO platform.jobs (name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
                (list(self._jobs),),
            )
            await conn.execute(
                _NEAR,
                (
                    list(self._jobs),
                    [float(0 if job.at_start else job.interval(settings)) for job in self._jobs.values()],
                ),
            )

    async def _make_due(self, names: list[str]) -> None:
        async with self._context.db.connection() as conn:
            await conn.execute(
                "UPDATE platform.jobs SET next_at = now() WHERE name = ANY (%s) AND next_at > now()",
                (names,),
            )
