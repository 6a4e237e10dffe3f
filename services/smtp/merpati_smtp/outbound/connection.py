"""One connection to a server: drives the sans-IO client over asyncio streams, one mail after another."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from merpati.queue import Failure, QueueFiles
from merpati_smtp.outbound import failures
from merpati_smtp.outbound.client import (
    Client,
    Done,
    Envelope,
    Event,
    Ready,
    Refused,
    Security,
    SendContent,
    Stage,
    StartTls,
    is_sendable,
)
from merpati_smtp.outbound.content import Content
from merpati_smtp.outbound.convert import Unconvertible
from merpati_smtp.outbound.mail import Mail
from merpati_smtp.outbound.replies import ProtocolError, Reply
from merpati_smtp.outbound.routes import Hop

_READ = 65_536


@dataclass(frozen=True, slots=True)
class Sent:
    """A recipient's mail was taken."""

    reply: str
    remote: str
    tls: str | None


Result = Sent | Failure


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


class Connection:
    """An open session. `open` it, let it `work`, `close` it."""

    def __init__(
        self,
        hop: Hop,
        manner: Manner,
        files: QueueFiles,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.hop = hop
        self.sent = 0
        self._manner = manner
        self._files = files
        self._reader = reader
        self._writer = writer
        self._client = Client(manner.hostname, manner.security, manner.login)
        self._tls_version: str | None = None
        self._mails: dict[Envelope, tuple[Mail, Content]] = {}
        self._todo: deque[Event] = deque()

    @classmethod
    async def open(cls, hop: Hop, manner: Manner, files: QueueFiles) -> Connection:
        """Connect, greet, and secure. Raises `HopFailed`."""
        implicit = manner.security is Security.DONE
        try:
            async with asyncio.timeout(manner.connect_timeout):
                reader, writer = await asyncio.open_connection(
                    hop.address,
                    hop.port,
                    ssl=manner.context if implicit else None,
                    server_hostname=hop.name if implicit else None,
                    limit=_READ,
                )
        except ssl.SSLError as error:
            raise HopFailed(failures.unreachable(hop.name, [f"TLS: {error.reason}"]), tls=True) from error
        except (OSError, TimeoutError) as error:
            detail = f"{hop.label}: {_words(error)}"
            raise HopFailed(failures.unreachable(hop.name, [detail])) from error
        connection = cls(hop, manner, files, reader, writer)
        try:
            await connection._greet()
        except BaseException:
            writer.transport.abort()
            raise
        return connection

    async def _greet(self) -> None:
        securing = False
        try:
            while True:
                for event in await self._events():
                    if isinstance(event, Ready):
                        return self._check_name()
                    if isinstance(event, Refused):
                        raise HopFailed(self._refusal(event))
                    if isinstance(event, StartTls):
                        securing = True
                        await self._start_tls()
                        securing = False
                if self._client.closed:
                    raise HopFailed(failures.lost(self.hop.label))
        except (OSError, TimeoutError, EOFError) as error:
            detail = f"{self.hop.label}: {_words(error)}"
            raise HopFailed(failures.unreachable(self.hop.name, [detail]), tls=securing) from error
        except ProtocolError as error:
            raise HopFailed(failures.not_smtp(self.hop.label, str(error))) from error

    def _check_name(self) -> None:
        if self._client.features.name.lower() == self._manner.hostname.lower():
            raise HopFailed(failures.loops_to_us(self.hop.name))

    def _refusal(self, event: Refused) -> Failure:
        if event.stage is Stage.LOGIN:
            return failures.no_login(event.reply, self.hop.label)
        return failures.refused(event.reply, self.hop.label, "the connection")

    async def _start_tls(self) -> None:
        assert self._manner.context is not None
        async with asyncio.timeout(self._manner.connect_timeout):
            await self._writer.start_tls(self._manner.context, server_hostname=self.hop.name)
        self._note_tls()
        self._client.tls_started()
        await self._flush()

    def _note_tls(self) -> None:
        tls: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        self._tls_version = tls.version() if tls is not None else None

    # Working

    async def work(
        self, take: Callable[[], Mail | None], done: Callable[[Mail, Sequence[Result | None]], None]
    ) -> None:
        """Send what `take` gives until it gives None; `done` hears of each.

        None as a result: the connection was lost before the server said a word about the mail.
        """
        try:
            await self._fill(take, done)
            while self._client.busy:
                self._todo.extend(await self._events())
                while self._todo:
                    event = self._todo.popleft()
                    if isinstance(event, SendContent):
                        await self._send_content(self._mails[event.envelope][1])
                    elif isinstance(event, Done):
                        self._finish(event, done)
                await self._fill(take, done)
        except (OSError, TimeoutError, EOFError, ProtocolError):
            for event in (*self._todo, *self._client.lost()):
                if isinstance(event, Done):
                    self._finish(event, done)
        except BaseException:
            self._writer.transport.abort()
            raise

    @property
    def usable(self) -> bool:
        """Whether more mail may be sent on it."""
        return not self._client.closed and not self._reader.at_eof()

    async def wait_closed_by_peer(self) -> None:
        """Return when the server speaks or hangs up while nothing is asked of it."""
        with suppress(OSError):
            await self._reader.read(_READ)  # 421, or nothing more
        self._client.lost()

    async def close(self) -> None:
        """Say QUIT and wait for a moment for the answer."""
        try:
            async with asyncio.timeout(min(5.0, self._manner.timeout)):
                if not self._client.closed:
                    self._client.quit()
                    await self._flush()
                    await self._reader.read(_READ)
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return
        finally:
            self._writer.transport.abort()

    async def _fill(
        self, take: Callable[[], Mail | None], done: Callable[[Mail, Sequence[Result | None]], None]
    ) -> None:
        """Begin the next mail if one may begin."""
        while self._client.can_begin and (mail := take()) is not None:
            content = Content(self._files.path(mail.rows[0].file), mail.rows[0].prefix_len)
            failure = await self._prepare(mail, content)
            if failure is not None:
                done(mail, [failure] * len(mail.rows))
                continue
            envelope = Envelope(
                mail.rows[0].sender, mail.recipients, content.size, content.eightbit, mail.smtputf8
            )
            self._mails[envelope] = mail, content
            self._client.begin(envelope)
        await self._flush()

    async def _prepare(self, mail: Mail, content: Content) -> Failure | None:
        """Fit the mail to what the server can take, or say why it can't."""
        features = self._client.features
        if mail.smtputf8 and "SMTPUTF8" not in features:
            return failures.needs_smtputf8(self.hop.label)
        if not all(map(is_sendable, (mail.rows[0].sender, *mail.recipients))):
            return failures.bad_address()
        try:
            content.open()
            eightbit_ok = "8BITMIME" in features
            if content.small:
                content.prepare(eightbit_ok=eightbit_ok)
            else:
                await asyncio.to_thread(content.prepare, eightbit_ok=eightbit_ok)
        except OSError:
            return failures.unreadable()
        except Unconvertible:
            return failures.unconvertible(self.hop.label)
        if 0 < features.size < content.size:
            return failures.too_large(self.hop.label, features.size)
        return None

    async def _send_content(self, content: Content) -> None:
        if content.small:
            for piece in content.pieces():
                self._writer.write(piece)
        else:
            pieces = content.pieces()
            while piece := await asyncio.to_thread(next, pieces, b""):
                self._writer.write(piece)
                await self._drain()
        self._client.content_sent()

    def _finish(self, event: Done, done: Callable[[Mail, Sequence[Result | None]], None]) -> None:
        mail, _ = self._mails.pop(event.envelope)
        if not event.answered:
            return done(mail, [None] * len(mail.rows))
        self.sent += 1
        return done(mail, [self._result(reply) for reply in event.replies])

    def _result(self, reply: Reply | None) -> Result:
        if reply is None:
            return failures.lost(self.hop.label)
        if reply.positive:
            return Sent(reply.text, self.hop.label, self._tls_version)
        return failures.refused(reply, self.hop.label, "the message")

    # Octets

    async def _events(self) -> list[Event]:
        """What the server says next. Raises `EOFError` when it hangs up."""
        await self._flush()
        patience = self._manner.timeout * (2 if self._client.stage is Stage.CONTENT else 1)
        async with asyncio.timeout(patience):
            data = await self._reader.read(_READ)
        if not data:
            raise EOFError
        return self._client.receive(data)

    async def _flush(self) -> None:
        data = self._client.take()
        if data:
            self._writer.write(data)
            await self._drain()

    async def _drain(self) -> None:
        async with asyncio.timeout(self._manner.timeout):
            await self._writer.drain()


def _words(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "the connection was closed"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
