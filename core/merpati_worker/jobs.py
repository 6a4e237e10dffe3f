"""The table of the worker's jobs: what each does, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger
from merpati.queue import Queue, QueueFiles
from merpati.store.context import Context
from merpati.store.erase import erase_accounts
from merpati.store.findings import Findings
from merpati.store.mirror import mirror_flags
from merpati.store.purge import purge_due, sweep_spool, trim_changes, trim_events
from merpati.store.renames import settle_all
from merpati.store.repair import Scope, compare_all
from merpati.store.restored import note_generation
from merpati.store.retire import retire
from merpati_worker.statistics import analyze_grown

log = get_logger(__name__)

_MINUTE, _HOUR = 60.0, 3600.0
_MARGIN = 120.0  # a change is dated by the start of its transaction


@dataclass(frozen=True, slots=True)
class Job:
    """A row: `run(context, since)` gets the seconds since its last good run, None for never; says what it did."""

    name: str
    interval: Callable[[Settings], float]
    run: Callable[[Context, float | None], Awaitable[object]]
    on_ring: bool = False  # also when the JOBS bell rings
    at_start: bool = False  # also when a worker starts


async def _mirror(context: Context, since: float | None) -> int:
    # After a long rest the change log may have been trimmed: then every folder is looked at.
    recent = None if since is None or since > _HOUR else since + _MARGIN
    return await mirror_flags(context, recent)


async def _adopt(context: Context, _since: float | None) -> int:
    findings = Findings(repair=True)
    await compare_all(context, Scope(min_age=context.settings.adopt_after, counts=False), findings)
    for finding in findings.found:
        log.warning("repaired", kind=finding.kind, account_id=finding.account_id, detail=finding.detail)
    return len(findings.found)


async def _queue_files(context: Context) -> int:
    queue = Queue(context.db, QueueFiles(context.settings.mail_root), context.bell, context.settings)
    return await queue.sweep()


def _without_since(
    run: Callable[[Context], Awaitable[object]],
) -> Callable[[Context, float | None], Awaitable[object]]:
    return lambda context, _since: run(context)


JOBS: tuple[Job, ...] = (
    Job(
        "restored",
        lambda s: min(_MINUTE, s.sweep_interval * 2),
        _without_since(note_generation),
        at_start=True,
    ),
    Job("statistics", lambda s: s.sweep_interval, _without_since(analyze_grown)),
    Job("renames", lambda s: s.sweep_interval * 4, _without_since(settle_all), on_ring=True),
    Job("mirror", lambda s: s.sweep_interval, _mirror, on_ring=True),
    Job("retire", lambda s: s.sweep_interval, _without_since(retire), on_ring=True),
    Job(
        "unlink", lambda s: min(_HOUR / 6, max(1.0, s.expunge_grace)), _without_since(purge_due), on_ring=True
    ),
    Job("adopt", lambda s: min(_HOUR, max(1.0, s.adopt_after)), _adopt, at_start=True),
    Job("changes", lambda _: _HOUR, _without_since(trim_changes)),
    Job("events", lambda _: _HOUR, _without_since(trim_events)),
    Job("spool", lambda _: _HOUR, _without_since(sweep_spool)),
    Job("queue files", lambda s: min(_HOUR, max(1.0, s.adopt_after)), _without_since(_queue_files)),
    Job("accounts", lambda _: _HOUR, _without_since(erase_accounts)),
)
"""In the order of their first run: a restored database is noticed before anything else."""
