"""STARTTLS, LOGIN and AUTHENTICATE: how a client becomes somebody (RFC 9051 6.2)."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Final

from merpati.platform.errors import BadCredentials
from merpati.platform.settings import words
from merpati.platform.telemetry import get_logger
from merpati_imap_pop.imap.commands.context import Context, Outcome, Pending, State
from merpati_imap_pop.imap.responses import Bad, No, Reply, ok
from merpati_imap_pop.imap.wire.arguments import Authenticate, Login, sasl_data

log = get_logger(__name__)

FAILURES_LIMIT: Final = 5
"""Wrong passwords on one connection; then it ends."""

_Step = Callable[[Context, bytes], Outcome | Awaitable[Outcome]]
"""Takes the client's decoded SASL message."""


def starttls(context: Context, _: None) -> Reply:
    if context.channel.secure:
        raise Bad("TLS is on already")
    context.channel.stop_reading()
    context.after_reply = context.channel.start_tls
    return ok("Begin TLS negotiation now")


async def login(context: Context, login: Login) -> Reply:
    _refuse_plaintext(context)
    return await _verify(context, login.username, login.password)


def mechanisms(context: Context) -> list[str]:
    """The SASL mechanisms that the setting allows and the connection's state permits."""
    if not context.services.logins.allows_password(secure=context.channel.secure):
        return []
    chosen = {name.upper() for name in words(context.services.settings.auth_mechanisms)}
    return [name for name in ("PLAIN", "LOGIN") if name in chosen]


async def authenticate(context: Context, arguments: Authenticate) -> Outcome:
    _refuse_plaintext(context)
    if arguments.mechanism not in mechanisms(context):
        raise No("Unsupported authentication mechanism", b"CANNOT")
    if arguments.mechanism == "PLAIN":
        if arguments.initial is not None:
            return await _plain(context, arguments.initial)
        return _ask(context, b"", _plain)
    if arguments.initial:
        return _ask_password(context, arguments.initial)
    return _ask(context, b"Username:", _ask_password)


def _refuse_plaintext(context: Context) -> None:
    if not context.services.logins.allows_password(secure=context.channel.secure):
        raise No("Passwords only over TLS: use STARTTLS or the TLS port", b"PRIVACYREQUIRED")


def _ask(context: Context, challenge: bytes, then: _Step) -> Pending:
    """Send a challenge; the decoded answer goes to `then`."""

    def on_line(line: bytes) -> Outcome | Awaitable[Outcome]:
        if line == b"*":
            raise Bad("Authentication cancelled")
        return then(context, sasl_data(line))

    context.send(b"+ %b\r\n" % base64.b64encode(challenge))
    return Pending(on_line)


async def _plain(context: Context, message: bytes) -> Reply:
    """RFC 4616: authorisation identity, name, password."""
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise Bad("Invalid PLAIN message")
    identity, username, password = parts
    if identity not in (b"", username):
        raise No("Acting for another account is not offered", b"AUTHORIZATIONFAILED")
    return await _verify(context, username, password)


def _ask_password(context: Context, username: bytes) -> Outcome:
    """The old LOGIN mechanism: two challenges, with the texts that clients expect."""

    def verify(context: Context, password: bytes) -> Awaitable[Outcome]:
        return _verify(context, username, password)

    return _ask(context, b"Password:", verify)


async def _verify(context: Context, username: bytes, password: bytes) -> Reply:
    channel = context.channel
    try:
        verdict = await context.services.logins.verify(
            username.decode(), password.decode(), service="imap", client=channel.peer
        )
    except (BadCredentials, UnicodeDecodeError) as error:
        context.failures += 1
        log.info("login failed", client=channel.peer, username=username.decode("utf-8", "replace")[:100])
        if context.failures >= FAILURES_LIMIT:
            context.send(b"* BYE Too many failed logins\r\n")
            context.state = State.LOGOUT
        raise BadCredentials("wrong user name or password") from error
    context.verdict = verdict
    context.state = State.AUTHENTICATED
    context.services.logins.enter(channel, verdict)
    context.on_login()
    log.info("login", client=channel.peer, address=verdict.address, tls=channel.secure)
    return ok("Logged in", b"CAPABILITY %b" % context.capabilities())
