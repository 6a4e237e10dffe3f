"""A connection to one hop, opened and secured: the client's octets on asyncio streams, with their timeouts."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass

from merpati.queue import Failure
from merpati_smtp.outbound import failures
from merpati_smtp.outbound.client import Client
from merpati_smtp.outbound.events import Event, Ready, Refused, Security, Stage, StartTls
from merpati_smtp.outbound.replies import ProtocolError
from merpati_smtp.outbound.routes import Hop

_READ = 65_536


class HopFailed(Exception):
    """No session with this hop; `tls` says that it failed while TLS was being set up."""

    def __init__(self, failure: Failure, *, tls: bool = False) -> None:
        super().__init__(failure.reason)
        self.failure = failure
        self.tls = tls


@dataclass(frozen=True, slots=True)
class Manner:
    """How a connection is made."""

    hostname: str
    security: Security
    context: ssl.SSLContext | None
    login: tuple[str, str] | None
    connect_timeout: float
    timeout: float
    """For each reply; the last of a message is waited for twice as long (RFC 5321 4.5.3.2.6)."""


class Link:
    """An open connection and the client that speaks on it."""

    def __init__(
        self, hop: Hop, manner: Manner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.hop = hop
        self.client = Client(manner.hostname, manner.security, manner.login)
        self._manner = manner
        self._reader = reader
        self._writer = writer
        self._queued = b""

    @property
    def tls(self) -> str | None:
        """The version of TLS; None: the connection is in the clear."""
        tls: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return tls.version() if tls is not None else None

    @property
    def usable(self) -> bool:
        """Whether an envelope may begin on it."""
        return self.client.can_begin and not self._reader.at_eof()

    async def greet(self) -> None:
        """From the greeting to the first envelope. Raises `HopFailed`."""
        securing = False
        try:
            while not self.client.closed:
                for event in await self.events():
                    if isinstance(event, Ready):
                        return self._check_name()
                    if isinstance(event, Refused):
                        raise HopFailed(self._refusal(event))
                    if isinstance(event, StartTls):
                        securing = True
                        await self._start_tls()
                        securing = False
        except (OSError, TimeoutError, EOFError) as error:
            detail = f"{self.hop.label}: {words(error)}"
            raise HopFailed(failures.unreachable(self.hop.name, [detail]), tls=securing) from error
        except ProtocolError as error:
            # What stands behind a 220 to STARTTLS may come with it or later: broken TLS either way.
            failure = failures.not_smtp(self.hop.label, str(error))
            raise HopFailed(failure, tls=self.client.stage is Stage.TLS) from error
        raise HopFailed(failures.lost(self.hop.label))

    def _check_name(self) -> None:
        if self.client.features.name.lower() == self._manner.hostname.lower():
            raise HopFailed(failures.loops_to_us(self.hop.name))

    def _refusal(self, event: Refused) -> Failure:
        if event.stage is Stage.LOGIN:
            return failures.no_login(event.reply, self.hop.label)
        return failures.refused(event.reply, self.hop.label, "the connection")

    async def _start_tls(self) -> None:
        assert self._manner.context is not None
        async with asyncio.timeout(self._manner.connect_timeout):
            await self._writer.start_tls(self._manner.context, server_hostname=self.hop.name)
        self.client.tls_started()

    # Octets

    async def events(self) -> list[Event]:
        """Send what is to be sent, and give what the server says next. Raises `EOFError` when it hangs up."""
        await self.flush()
        patience = self._manner.timeout * (2 if self.client.stage is Stage.CONTENT else 1)
        async with asyncio.timeout(patience):
            data = await self._reader.read(_READ)
        if not data:
            raise EOFError
        return self.client.receive(data)

    async def flush(self) -> None:
        """Send what is queued, and the client's commands behind it."""
        data, self._queued = self._queued + self.client.take(), b""
        if data:
            await self.send(data)

    def queue(self, data: bytes) -> None:
        """Send octets of a message with the next flush: one system call for a message and the next one's envelope."""
        self._queued += data

    async def send(self, data: bytes) -> None:
        """Send octets of a message."""
        self._writer.write(data)
        async with asyncio.timeout(self._manner.timeout):
            await self._writer.drain()

    async def wait_closed_by_peer(self) -> None:
        """Return when the server speaks or hangs up while nothing is asked of it; the session is over then."""
        with suppress(OSError):
            await self._reader.read(_READ)  # 421, or nothing more
        self.client.lost()

    async def close(self) -> None:
        """Say QUIT and wait for a moment for the answer."""
        try:
            async with asyncio.timeout(min(5.0, self._manner.timeout)):
                if not self.client.closed:
                    self.client.quit()
                    await self.flush()
                    await self._reader.read(_READ)
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()


async def connect(hop: Hop, manner: Manner) -> Link:
    """Connect, greet, and secure. Raises `HopFailed`."""
    context = manner.context if manner.security is Security.DONE else None
    try:
        async with asyncio.timeout(manner.connect_timeout):
            streams = await asyncio.open_connection(
                hop.address,
                hop.port,
                ssl=context,
                server_hostname=hop.name if context is not None else None,
                limit=_READ,
            )
    except ssl.SSLError as error:
        raise HopFailed(failures.unreachable(hop.name, [f"TLS: {error.reason}"]), tls=True) from error
    except (OSError, TimeoutError) as error:
        raise HopFailed(failures.unreachable(hop.name, [f"{hop.label}: {words(error)}"])) from error
    link = Link(hop, manner, *streams)
    try:
        await link.greet()
    except BaseException:
        link.abort()
        raise
    return link


def words(error: BaseException) -> str:
    """An error of the network, briefly."""
    if isinstance(error, EOFError):
        return "the connection was closed"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
