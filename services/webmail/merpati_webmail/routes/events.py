"""Server-sent events: a page hears at once that its account's mail changed, and asks for itself again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from merpati.platform.errors import Unavailable
from merpati.platform.events import account_channel
from merpati_webmail import folders
from merpati_webmail.session import Session
from merpati_webmail.visit import Visit, Web

_HEARTBEAT = 25.0  # a silent connection is cut by many a proxy after 30 or 60 seconds
_SETTLE = 0.2  # a burst of changes is one event
_STREAMS = 20
"""Open streams of one account; more are refused, and their pages work without."""

_open: dict[int, int] = {}


async def events(visit: Visit) -> Response:
    """GET /events?state=…: what the page shows; the first event comes at once if that is no longer so."""
    if _open.get(visit.account_id, 0) >= _STREAMS:
        return Response(status_code=503, headers={"Retry-After": "60"})
    return StreamingResponse(
        _stream(visit.web, visit.session, visit.query("state")),
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"},
    )


async def _stream(web: Web, session: Session, state: str) -> AsyncIterator[bytes]:
    account_id, channel = session.account.id, account_channel(session.account.id)
    rung = asyncio.Event()
    web.bell.watch(channel, rung.set)
    _open[account_id] = _open.get(account_id, 0) + 1
    try:
        last = state
        yield b"retry: 5000\n\n"
        rung.set()
        while not web.stop.is_set():
            if await _rings(rung, web.stop):
                await asyncio.sleep(_SETTLE)
            else:
                yield b": still here\n\n"
            rung.clear()
            try:
                if await web.sessions.load_digest(session.digest) is None:
                    yield b"event: end\ndata:\n\n"
                    return
                now = folders.state(await web.store.mailboxes(account_id))
            except Unavailable:  # the next ring or beat asks again
                continue
            if now != last:
                last = now
                yield b"event: change\ndata:\n\n"
    finally:
        web.bell.unwatch(channel, rung.set)
        _open[account_id] -= 1
        if not _open[account_id]:
            del _open[account_id]


async def _rings(rung: asyncio.Event, stop: asyncio.Event) -> bool:
    """Wait for the bell, or the end of the process; False when neither came in time."""
    waiting = [asyncio.ensure_future(event.wait()) for event in (rung, stop)]
    try:
        done, _ = await asyncio.wait(waiting, timeout=_HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in waiting:
            task.cancel()
