"""One client's connection, as IMAP and POP3 share it: input, output, TLS, time limits and the end.

A protocol (`imap.protocol`, `pop3.protocol`) subclasses `Connection` and implements five hooks: `greet`,
`take`, `handle`, `goodbye` and `patience`. An idle connection owns no task: one exists only while a
command waits for something.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from merpati.platform.telemetry import get_logger

if TYPE_CHECKING:
    from merpati_imap_pop.server import Server

log = get_logger(__name__)

INPUT_HIGH = 64 * 1024
"""Pipelined input kept while a command is running; above this the client is not read from."""
OUTPUT_HIGH = 256 * 1024
"""Output kept for a client that reads slowly; above this the running command waits."""
LINGER = 5.0
"""Seconds in which the last words must have been read by the client."""

Handling = Coroutine[Any, Any, None] | None
"""What `handle` returns: something to wait for, or None when all is done already."""


class ConnectionGone(ConnectionError):
    """The client went away, or no longer reads: the running command ends, nobody is told."""


class Connection(asyncio.Protocol):
    """The transport's side of a session; subclasses give it a protocol."""

    service = ""
    """`imap` or `pop3`: what auth is told."""

    def __init__(self, server: Server, *, implicit_tls: bool) -> None:
        self.server = server
        self.input = bytearray()
        self.transport: asyncio.Transport | None = None
        self.peer = ""
        self.secure = implicit_tls
        self.closing = False
        self.logged_in = False
        """Until a protocol sets it, the connection lives for `login_timeout` at most."""
        self.opened = self.heard = self._now()
        self._task: asyncio.Task[None] | None = None
        self._waiting: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self._half_closed = False
        self._stopping = ""

    # What a protocol implements

    def greet(self) -> None:
        """The connection is open (and secure, if its port is): say so."""
        raise NotImplementedError

    def take(self) -> Any | None:
        """Remove one complete command from `self.input` and return it; None: more input is needed."""
        raise NotImplementedError

    def handle(self, item: Any) -> Handling:
        """Carry the command out. Commands of a connection never overlap."""
        raise NotImplementedError

    def goodbye(self, reason: str) -> None:
        """Write the protocol's last words."""
        raise NotImplementedError

    def patience(self) -> float:
        """How long a client that has logged in may be silent."""
        raise NotImplementedError

    def gone(self) -> None:
        """The connection is closed and no command runs: let go of everything."""

    # Input

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.peer = _address(transport.get_extra_info("peername"))
        refusal = self.server.admit(self)
        if refusal:
            self.end(refusal)
        else:
            self._set_limits()
            self.greet()

    def data_received(self, data: bytes) -> None:
        self.heard = self._now()
        if self.closing:
            return
        self.input += data
        if self._task is None:
            self._advance()
        elif len(self.input) > INPUT_HIGH and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def _advance(self) -> None:
        """Carry out what is complete; a task takes over as soon as something has to be waited for."""
        while not self.closing:
            item = self.take()
            if item is None:
                break
            try:
                handling = self.handle(item)
            except Exception:
                self._failed()
                return
            if handling is not None or self._writable is not None:
                self._start(handling)
                return
        self._after_work()

    def _start(self, handling: Handling) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work(handling))

    def wake(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` between two commands: now, or when the one in hand is done."""
        if self.closing:
            return
        if self._task is None:
            self._start(work())
        else:
            self._waiting = work

    async def _work(self, handling: Handling) -> None:
        try:
            if handling is not None:
                await handling
            await self.drain()
        except ConnectionError:
            self.abort()
        except Exception:
            self._failed()
        self._task = None
        if self.transport is None:
            self.gone()
        elif self._stopping:
            self.end(self._stopping)
        else:
            self._advance()

    def _failed(self) -> None:
        """A fault of ours: the log has it, the client only hears that there was one."""
        log.exception("session failed", service=self.service, client=self.peer)
        self.end("Internal error")

    def _after_work(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not self.closing:
            self._start(waiting())
        elif self._half_closed:
            self.close()
        elif self._paused and self.transport is not None and not self.closing:
            self._paused = False
            self.transport.resume_reading()

    def eof_received(self) -> bool | None:
        """The client has said all: what it asked is still answered (a half-closed connection)."""
        self._half_closed = True
        if self._task is None:
            self.close()
        return not self.secure  # TLS has no half-closed state here

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.closing = True
        self.input.clear()
        self.server.leave(self)
        self.resume_writing()
        if self._task is None:
            self.gone()

    # Output

    def write(self, data: bytes) -> None:
        """Send; nothing happens once the client is gone."""
        if self.transport is not None:
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the client has read enough of what was written.

        Raises `ConnectionGone` where it left, or stayed away longer than its patience.
        """
        if self._writable is not None:
            try:
                async with asyncio.timeout(self.patience()):
                    await self._writable
            except TimeoutError:
                self.abort()
        if self.transport is None:
            raise ConnectionGone("client is gone")

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _set_limits(self) -> None:
        if self.transport is not None:
            self.transport.set_write_buffer_limits(high=OUTPUT_HIGH)

    # TLS

    def stop_reading(self) -> None:
        """From now on comes the handshake, which is not ours to read."""
        if self.transport is not None:
            self.transport.pause_reading()

    async def start_tls(self) -> bool:
        """Turn TLS on; False (and closed) where the handshake fails.

        Whatever the client sent in clear behind its STARTTLS is dropped: an attacker in the middle
        could have put it there (CVE-2011-0411).
        """
        self.input.clear()
        if self.transport is None:
            return False
        self.transport.pause_reading()
        # What comes with the handshake's last flight is received before the new transport is known
        # here: pausing the old one for it would stop the connection for good.
        self._paused = True
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self.transport,
                self,
                self.server.services.context,
                server_side=True,
                ssl_handshake_timeout=self.server.settings.login_timeout,
            )
        except (OSError, TimeoutError) as error:
            log.info("handshake failed", service=self.service, client=self.peer, error=str(error))
            self.abort()
            return False
        if transport is None or self.closing:
            return False
        self.transport = transport
        self._paused = False
        self.secure = True
        self.heard = self._now()
        self._set_limits()
        return True

    # The end

    def expired(self, now: float) -> bool:
        """Whether the client was silent for too long. A running command is bounded by `drain` and core."""
        if self.closing:
            return now - self.heard > LINGER
        if not self.logged_in:
            return now - self.opened > self.server.settings.login_timeout
        return self._task is None and now - self.heard > self.patience()

    def stop(self, reason: str) -> None:
        """End after the command in hand, if there is one."""
        self._stopping = reason
        if self._task is None:
            self.end(reason)

    def end(self, reason: str) -> None:
        """Say goodbye and close."""
        if not self.closing:
            self.goodbye(reason)
            self.close()

    def close(self) -> None:
        """Close once everything written was sent; the sweep aborts clients that do not read it."""
        if self.transport is not None and not self.closing:
            self.closing = True
            self.heard = self._now()
            self.transport.close()

    def abort(self) -> None:
        """Close now."""
        self.closing = True
        if self.transport is not None:
            self.transport.abort()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _address(peername: Any) -> str:
    """The client's address; an IPv4 one that came in over an IPv6 socket as what it is."""
    if not isinstance(peername, tuple):
        return ""
    address = ipaddress.ip_address(peername[0].partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
