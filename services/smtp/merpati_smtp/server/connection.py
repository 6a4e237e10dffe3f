"""One SMTP connection: aiosmtpd's commands and hooks, on our own reading, limits and errors.

`aiosmtpd.smtp.SMTP` keeps its command methods (`smtp_X`), hooks (`handle_X`, `auth_X`), session and
envelope. Replaced are its StreamReader and `_handle_client`, its constructor (a template's state is copied),
and what docs/decisions/0009-aiosmtpd-is-contained.md says of its version 1.4.6.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from merpati.platform.errors import MerpatiError, Unavailable
from merpati.platform.telemetry import get_logger
from merpati_smtp import replies
from merpati_smtp.server.commands import COMMANDS, Commands
from merpati_smtp.server.session import Envelope, Session
from merpati_smtp.server.stream import LineTooLong, Stream

if TYPE_CHECKING:
    from merpati_smtp.server.listener import Listener

log = get_logger(__name__)

LINE_LIMIT = 2_048
"""As Postfix; RFC 5321 4.5.3.1.4 asks for 512 and what extensions add."""
LINGER = 5.0
"""How long our last words may take to reach the client."""
JUNK_LIMIT = 100
"""Commands between two messages that bring nothing forward; each above it counts as an error."""

_BEFORE_TLS = frozenset({"NOOP", "EHLO", "STARTTLS", "QUIT"})  # RFC 3207 4
_JUNK = frozenset({"NOOP", "RSET", "VRFY", "HELP", "EHLO", "HELO"})
# A browser that was lured here must not get far with a form whose lines are commands.
_HTTP = frozenset({"GET", "POST", "PUT", "CONNECT", "OPTIONS", "HEAD"})


class Connection(Commands):
    """One SMTP connection of a listener: its transport, and the conversation over it."""

    task: asyncio.Task[None] | None

    @classmethod
    def of(cls, listener: Listener) -> Connection:
        """A new connection with the state of the listener's template.

        aiosmtpd's constructor inspects its handler for 150 microseconds, which would be most of a connection.
        """
        connection = cls.__new__(cls)
        connection.__dict__.update(listener.template)
        connection.listener = listener
        connection.errors = 0
        connection.junk = 0
        connection.task = None
        return connection

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        link = cast(asyncio.Transport, transport)
        self.transport = link
        self.stream = Stream(self.loop, link)
        peer = link.get_extra_info("peername")
        self.session = Session(self.loop, peer[0] if peer else "unknown")
        self.session.peer = peer
        self._note_tls(link)
        self.envelope = Envelope()
        self._reset_timeout()
        if not self.listener.admit(self):
            link.write(f"{replies.TOO_MANY_CONNECTIONS}\r\n".encode())
            link.close()
            return
        self.task = self.loop.create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self.stream.feed(data)

    def eof_received(self) -> bool:
        # What is already here is still answered; a TLS transport closes itself whatever we say.
        self.stream.end()
        return self.session.tls is None

    def pause_writing(self) -> None:
        self.stream.pause()

    def resume_writing(self) -> None:
        self.stream.resume()

    def connection_lost(self, error: Exception | None) -> None:
        self.listener.forget(self)
        self.stream.end()
        self.stream.resume()
        if self.task is not None:
            self.task.cancel()

    # The listener

    @property
    def idle(self) -> bool:
        """Whether it is the client who keeps us waiting."""
        return self.stream.waiting or self.task is None or self.task.done()

    def stop(self) -> None:
        """Finish what is in hand, say 421, and go."""
        self.stream.draining = True
        self.stream.wake()

    def expire(self) -> None:
        """Close a connection that was silent for too long."""
        if self.stream.draining:  # it does not even take our last words
            self.stream.link.abort()
            return
        self.stream.draining = True
        self.stream.link.write(f"{replies.TIMEOUT}\r\n".encode())
        if self.task is not None:
            self.task.cancel()

    # The conversation

    async def _serve(self) -> None:
        try:
            await self.push(replies.greeting(self.hostname))
            while not self.stream.draining and await self._next_command():
                pass
            if self.listener.stopping and not self.stream.ended:
                await self.push(replies.SHUTTING_DOWN)
            await self.stream.flush()
        except ConnectionError as error:
            log.debug("connection lost", client=self.session.client, error=str(error))
        finally:
            self._drop_body()
            self._reset_timeout(LINGER)
            self.stream.link.close()

    async def _next_command(self) -> bool:
        """Serve one command; False when there will be none."""
        try:
            line = await self.stream.line(LINE_LIMIT)
            if line is not None:
                await self._command(line)
        except LineTooLong:
            await self.push(replies.LINE_TOO_LONG)
            return True
        return line is not None

    async def _command(self, line: bytes) -> None:
        if self.listener.refuse_bare_lf and not line.endswith(b"\r\n"):
            await self.push(replies.BARE_LINE_FEED)
            return
        if not line.isascii():
            await self.push(replies.NOT_ASCII)
            return
        name, _, argument = line.decode("ascii").strip().partition(" ")
        name = name.upper()
        refusal = self._refusal(name)
        if refusal is not None:
            await self.push(refusal)
            return
        self._reset_timeout()
        try:
            await COMMANDS[name](self, argument.strip() or None)
        except (ConnectionError, LineTooLong):
            raise
        except MerpatiError as error:
            if isinstance(error, Unavailable):
                log.warning("command put off", command=name, client=self.session.client, error=str(error))
            await self.push(replies.of_error(error))
        except Exception:
            # aiosmtpd answers 500 with the exception's text; but a fault of ours must not lose mail, nor talk.
            log.exception(
                "command failed", command=name, client=self.session.client, trace_id=self.envelope.trace_id
            )
            await self.push(replies.FAILED)

    def _refusal(self, name: str) -> str | None:
        """Why a command is not even looked at."""
        if name not in COMMANDS:
            if name in _HTTP:
                self.stream.draining = True
                return replies.NOT_HTTP
            return replies.UNKNOWN_COMMAND
        if self.require_starttls and self.session.tls is None and name not in _BEFORE_TLS:
            return replies.TLS_FIRST
        if name in _JUNK:
            self.junk += 1
            if self.junk > JUNK_LIMIT:
                self.errors += 1
        return None
