"""The commands of a connection: those that differ from aiosmtpd's, and what its own ones call."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.smtp import MISSING, SMTP, syntax

from merpati.platform.telemetry import get_logger
from merpati_smtp import replies
from merpati_smtp.server.address import parse_path
from merpati_smtp.server.data import receive
from merpati_smtp.server.session import Envelope, Session
from merpati_smtp.server.stream import Stream

if TYPE_CHECKING:
    from merpati_smtp.server.listener import Listener

log = get_logger(__name__)

AUTH_LINE_LIMIT = 12_288
"""RFC 4954 4."""
HANDSHAKE_TIMEOUT = 30.0

Command = Callable[[Any, str | None], Awaitable[None]]


class Commands(SMTP):
    """aiosmtpd's protocol class, as far as commands go."""

    session: Session
    envelope: Envelope
    stream: Stream
    listener: Listener
    errors: int
    """Replies so far that said the client was wrong."""
    junk: int
    """Commands since the last message that brought nothing forward."""
    deadline: float
    """When the listener may close the connection for its silence."""

    async def push(self, status: str | bytes) -> None:
        """Say one line of a reply. The client hears it when we next wait for it."""
        text = status if isinstance(status, str) else status.decode("utf-8", "replace")
        if text.startswith("5"):
            self.errors += 1
        self.stream.write(f"{replies.enhance(text)}\r\n".encode())
        if self.errors >= self.listener.error_limit and not self.stream.draining:
            self.stream.write(f"{replies.TOO_MANY_ERRORS}\r\n".encode())
            self.stream.draining = True

    async def ask(self, prompt: str) -> bytes | None:
        """Send `334 prompt`, and read the client's line (RFC 4954 4)."""
        await self.push(f"334 {prompt}")
        line = await self.stream.line(AUTH_LINE_LIMIT)
        self._reset_timeout()
        return None if line is None else line.strip()

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
        # RFC 4422 3.1 has capitals; clients have whatever they have.
        await super().smtp_AUTH(f"{name.upper()}{space}{rest}")

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
            self.connection_lost(error)  # such a transport never says so
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

    def _note_tls(self, link: asyncio.Transport) -> None:
        tls = link.get_extra_info("ssl_object")
        self.session.tls = tls
        self._tls_protocol = tls  # aiosmtpd asks this attribute whether TLS is active

    def _reset_timeout(self, duration: float | None = None) -> None:
        self.deadline = self.loop.time() + (duration or self.listener.timeout)


# Unbound: a template's bound methods would all speak on the template's connection.
COMMANDS: dict[str, Command] = {
    name: getattr(Commands, f"smtp_{name}")
    for name in (
        *("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"),
        *("STARTTLS", "AUTH", "VRFY", "HELP"),
    )
}
