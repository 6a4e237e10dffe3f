"""One SMTP connection: aiosmtpd's commands and hooks, on our own reading, limits and errors.

`aiosmtpd.smtp.SMTP` keeps its command methods (`smtp_X`), hooks (`handle_X`, `auth_X`), session and
envelope. Replaced are its StreamReader and `_handle_client`, its constructor (a template's state is copied),
and what docs/decisions says of its version 1.4.6.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.smtp import MISSING, SMTP, syntax

from merpati.platform.errors import MerpatiError, Unavailable
from merpati.platform.telemetry import get_logger
from merpati_smtp import replies
from merpati_smtp.server.address import parse_path
from merpati_smtp.server.data import receive
from merpati_smtp.server.session import Envelope, Session
from merpati_smtp.server.stream import LineTooLong, Stream

if TYPE_CHECKING:
    from merpati_smtp.server.listener import Listener

log = get_logger(__name__)

LINE_LIMIT = 2_048
"""As Postfix; RFC 5321 4.5.3.1.4 asks for 512 and what extensions add."""
AUTH_LINE_LIMIT = 12_288
"""RFC 4954 4."""
HANDSHAKE_TIMEOUT = 30.0
LINGER = 5.0
"""How long our last words may take to reach the client."""
JUNK_LIMIT = 100
"""Commands between two messages that bring nothing forward; each above it counts as an error."""

_BEFORE_TLS = frozenset({"NOOP", "EHLO", "STARTTLS", "QUIT"})  # RFC 3207 4
_JUNK = frozenset({"NOOP", "RSET", "VRFY", "HELP", "EHLO", "HELO"})
# A browser that was lured here must not get far with a form whose lines are commands.
_HTTP = frozenset({"GET", "POST", "PUT", "CONNECT", "OPTIONS", "HEAD"})

Command = Callable[["Connection", str | None], Awaitable[None]]


class Connection(SMTP):
    """One SMTP connection of a listener."""

    session: Session
    envelope: Envelope
    stream: Stream
    listener: Listener
    task: asyncio.Task[None] | None
    errors: int
    junk: int
    deadline: float
    """When the listener may close the connection for its silence."""

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

    def _note_tls(self, link: asyncio.Transport) -> None:
        tls = link.get_extra_info("ssl_object")
        self.session.tls = tls
        self._tls_protocol = tls  # aiosmtpd asks this attribute whether TLS is active

    def _reset_timeout(self, duration: float | None = None) -> None:
        self.deadline = self.loop.time() + (duration or self.listener.timeout)

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

    async def push(self, status: str | bytes) -> None:
        """Say one line of a reply. The client hears it when we next wait for it."""
        text = status if isinstance(status, str) else status.decode("utf-8", "replace")
        if text.startswith("5"):
            self.errors += 1
        self.stream.write(f"{replies.enhance(text)}\r\n".encode())
        if self.errors >= self.listener.error_limit and not self.stream.draining:
            self.stream.write(f"{replies.TOO_MANY_ERRORS}\r\n".encode())
            self.stream.draining = True

    async def challenge_auth(
        self, challenge: str | bytes, encode_to_b64: bool = True, log_client_response: bool = False
    ) -> Any:
        raise NotImplementedError("this server's mechanisms ask through `ask`")

    async def ask(self, prompt: str) -> bytes | None:
        """Send `334 prompt`, and read the client's line (RFC 4954 4)."""
        await self.push(f"334 {prompt}")
        line = await self.stream.line(AUTH_LINE_LIMIT)
        self._reset_timeout()
        return None if line is None else line.strip()

    # Commands that differ from aiosmtpd's

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str | None) -> None:
        if not hostname:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        self._set_rset_state()
        self.session.extended_smtp = True
        self.session.host_name = hostname
        self.stream.write(self.listener.welcome(self.session))

    @syntax("AUTH <mechanism>")
    async def smtp_AUTH(self, arg: str | None) -> None:
        name, space, rest = (arg or "").partition(" ")
        await super().smtp_AUTH(
            f"{name.upper()}{space}{rest}"
        )  # mechanisms in any case (RFC 4422 3.1 has capitals)

    @syntax("QUIT")
    async def smtp_QUIT(self, arg: str | None) -> None:
        await self.push(replies.GOODBYE if arg is None else replies.NO_ARGUMENT)
        if arg is None:
            self.stream.draining = True

    @syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str | None) -> None:
        if self.session.tls is not None or self.tls_context is None:
            await self.push(replies.TLS_ACTIVE if self.session.tls is not None else replies.NO_TLS)
            return
        if arg is not None:
            await self.push(replies.NO_ARGUMENT)
            return
        await self.push(replies.READY_FOR_TLS)
        await self.stream.flush()
        self.stream.forget()
        link = await self._handshake(self.tls_context)
        if link is None:
            self.stream.draining = True
            return
        # Everything learned in the clear is forgotten (RFC 3207 4.2).
        self.transport = link
        self.session = Session(self.loop, self.session.client)
        self.session.peer = link.get_extra_info("peername")
        self._note_tls(link)
        self._set_rset_state()
        self.stream.link = link

    async def _handshake(self, context: ssl.SSLContext) -> asyncio.Transport | None:
        # The loop's own TLS: under uvloop 24 KB a connection, where aiosmtpd's private SSLProtocol takes 278.
        try:
            return await self.loop.start_tls(
                self.stream.link, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
            )
        except OSError as error:  # ssl.SSLError and TimeoutError are
            log.info("TLS handshake failed", client=self.session.client, error=str(error))
            self.listener.forget(self)  # such a transport never says connection_lost
            return None

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        refusal = await self._data_refusal(arg)
        if refusal is not None:
            await self.push(refusal)
            return
        status = await receive(self)
        hook = ("DATA",) if status is None else ("REFUSED", status)
        status = str(await self._call_handler_hook(*hook))
        self.junk = 0
        self._set_post_data_state()
        await self.push(status)

    async def _data_refusal(self, arg: str | None) -> str | None:
        if self.envelope.mail_from is None:
            return replies.NO_MAIL
        if not self.envelope.rcpt_tos:
            return replies.NO_VALID_RECIPIENT if self.envelope.refused else replies.NO_RECIPIENT
        if arg is not None:
            return replies.NO_ARGUMENT
        status = await self._call_handler_hook("DATA_START")
        return None if status is MISSING else cast("str | None", status)

    # What aiosmtpd's own commands call

    def _create_envelope(self) -> Envelope:
        return Envelope()

    def _set_rset_state(self) -> None:
        self._set_post_data_state()

    def _set_post_data_state(self) -> None:
        self._drop_body()
        self.envelope = Envelope()

    def _drop_body(self) -> None:
        if self.envelope.body is not None:
            self.envelope.body.discard()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # email's parser takes 30 microseconds an address, and accepts comments that no path may have.
        if not arg:
            return "", ""
        return parse_path(arg) or (None, None)

    def _getparams(self, params: Any) -> dict[str, str | bool] | None:
        # AUTH= must be taken where AUTH is offered (RFC 4954 5), and may be disregarded.
        return super()._getparams([item for item in params if not item.startswith("AUTH=")])


def _commands() -> dict[str, Command]:
    wanted = (
        "EHLO",
        "HELO",
        "MAIL",
        "RCPT",
        "DATA",
        "RSET",
        "NOOP",
        "QUIT",
        "STARTTLS",
        "AUTH",
        "VRFY",
        "HELP",
    )
    return {name: getattr(Connection, f"smtp_{name}") for name in wanted}


COMMANDS = _commands()
"""Unbound: a template's bound methods would all speak on the template's connection."""
