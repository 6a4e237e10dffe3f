"""HTTP/1.1 with bounds before a request is whole: uvicorn's protocol on h11, which limits the size of its head.

httptools, uvicorn's default, is faster but keeps a head of any length; and neither limits the time that one takes.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIME = 30.0
MAX_HEAD = 64 * 1024


class BoundedProtocol(H11Protocol):
    """Ends a connection on which a request's head takes longer than `HEAD_TIME`."""

    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        """Time what has come of a head; a request that is whole has the time that it needs."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_head()
        elif self.head_timer is None:
            self.head_timer = self.loop.call_later(HEAD_TIME, self._end_late_head)

    def _forget_head(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _end_late_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
