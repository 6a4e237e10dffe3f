"""A connection's octets: what a transport brings and takes, one buffer each way, and bounds on both."""

from __future__ import annotations

import asyncio

HIGH_WATER = 256 * 1024
"""A client that sends faster than it is served waits in the kernel's buffers, not in ours."""


class LineTooLong(Exception):
    """A line above its limit; it was read to its end and dropped."""


class Stream:
    """Reads lines and chunks from what `data_received` brings; gathers replies until the next wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop, link: asyncio.Transport) -> None:
        self.loop = loop
        self.link = link
        self._in = bytearray()
        self._out: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._held_back = False
        self.ended = False
        """The other side has said all it will."""
        self.draining = False
        """Read no further command: the service stops, or the client has to go."""

    # What the transport calls

    def feed(self, data: bytes) -> None:
        self._in += data
        if len(self._in) > HIGH_WATER and not self._held_back:
            self._held_back = True
            self.link.pause_reading()
        self.wake()

    def end(self) -> None:
        self.ended = True
        self.wake()

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def pause(self) -> None:
        self._drained = self.loop.create_future()

    def resume(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What the session calls

    @property
    def waiting(self) -> bool:
        """Whether the session waits for the client, to speak or to listen (and not for us)."""
        return self._waiter is not None or self._drained is not None

    def write(self, data: bytes) -> None:
        """Say `data`, at the latest when the session next waits: so pipelined replies share a packet."""
        self._out.append(data)

    async def flush(self) -> None:
        if self._out:
            self.link.write(b"".join(self._out))
            self._out.clear()
        if self._drained is not None:
            await self._drained

    async def more(self) -> bool:
        """Wait for octets, or for `wake`; False when there will be none."""
        await self.flush()
        if self.ended:
            return False
        if self._held_back:
            self._held_back = False
            self.link.resume_reading()
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        return True

    async def line(self, limit: int) -> bytes | None:
        """The next line with its end; None when none will come. Raises `LineTooLong` once it was read over."""
        too_long = False
        start = 0
        while True:
            end = self._in.find(b"\n", start) + 1
            if end:
                line = bytes(self._in[:end])
                del self._in[:end]
                if too_long or end > limit:
                    raise LineTooLong
                return line
            if len(self._in) > limit:
                too_long = True
                self._in.clear()
            start = len(self._in)
            if self.draining or not await self.more():
                return None

    async def chunk(self) -> bytes | None:
        """Whatever has come; None when nothing will."""
        while not self._in:
            if not await self.more():
                return None
        data = bytes(self._in)
        self._in.clear()
        return data

    def unread(self, data: bytes) -> None:
        """Put back what was read too far."""
        self._in[:0] = data

    def forget(self) -> None:
        """Drop what came in the clear before TLS begins: it may be anybody's (RFC 3207 4.2)."""
        self._in.clear()
        self._held_back = False
