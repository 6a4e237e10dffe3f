"""The AUTHORIZATION state: STLS, USER and PASS, AUTH (RFC 1939 4 and 7, RFC 2595 4, RFC 5034)."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Final

from merpati.platform.errors import BadCredentials
from merpati.platform.settings import words
from merpati.platform.telemetry import get_logger
from merpati_imap_pop.pop3.commands.context import Context, Outcome, Pending, State
from merpati_imap_pop.pop3.maildrop import Maildrop
from merpati_imap_pop.pop3.replies import Refusal, error, ok
from merpati_imap_pop.pop3.wire import WireError, sasl_data

log = get_logger(__name__)

FAILURES_LIMIT: Final = 5
"""Wrong passwords on one connection; then it ends."""


def stls(context: Context, _: None) -> bytes:
    if context.channel.secure:
        raise Refusal("TLS is on already")
    context.channel.stop_reading()
    context.username = None
    context.after_reply = context.channel.start_tls
    return ok("Begin TLS negotiation now")


def user(context: Context, name: bytes) -> bytes:
    """Any name is taken: whether it exists is nobody's business (RFC 1939 13)."""
    _refuse_clear_text(context)
    context.username = name
    return ok("Send the password")


def password(context: Context, secret: bytes) -> Awaitable[bytes]:
    _refuse_clear_text(context)
    name, context.username = context.username, None
    if name is None:
        raise Refusal("USER first")
    return _log_in(context, name, secret)


def mechanisms(context: Context) -> list[str]:
    """The SASL mechanisms that the setting allows and the connection's state permits."""
    chosen = {name.upper() for name in words(context.services.settings.auth_mechanisms)}
    return [name for name in ("PLAIN", "LOGIN") if context.allows_password and name in chosen]


def auth(context: Context, arguments: tuple[str, bytes | None]) -> Outcome | Awaitable[Outcome]:
    name, initial = arguments
    if not name:  # what clients asked before CAPA; Outlook still does
        return b"".join([ok(), *(b"%b\r\n" % item.encode() for item in mechanisms(context)), b".\r\n"])
    _refuse_clear_text(context)
    if name not in mechanisms(context):
        raise Refusal("Unsupported authentication mechanism")
    if name == "PLAIN":
        return _ask(b"", lambda data: _plain(context, data)) if initial is None else _plain(context, initial)
    return (
        _ask(b"Username:", lambda data: _ask_password(context, data))
        if not initial
        else _ask_password(context, initial)
    )


def _ask(challenge: bytes, then: Callable[[bytes], Outcome | Awaitable[Outcome]]) -> Pending:
    """Send a challenge; the decoded answer goes to `then` (`*` takes it all back, RFC 5034 4)."""

    def on_line(line: bytes) -> Outcome | Awaitable[Outcome]:
        if line == b"*":
            raise Refusal("Authentication cancelled")
        return then(sasl_data(line))

    return Pending(b"+ %b\r\n" % base64.b64encode(challenge), on_line)


def _plain(context: Context, message: bytes) -> Awaitable[bytes]:
    """RFC 4616: authorisation identity, name, password."""
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise WireError("Invalid PLAIN message")
    identity, name, secret = parts
    if identity not in (b"", name):
        raise Refusal("Acting for another account is not offered", "AUTH")
    return _log_in(context, name, secret)


def _ask_password(context: Context, name: bytes) -> Outcome:
    """The old LOGIN mechanism: two challenges, with the texts that clients expect."""
    return _ask(b"Password:", lambda secret: _log_in(context, name, secret))


def _refuse_clear_text(context: Context) -> None:
    if not context.allows_password:
        raise Refusal("Passwords only over TLS: use STLS or the TLS port", "AUTH")


async def _log_in(context: Context, name: bytes, secret: bytes) -> bytes:
    channel = context.channel
    try:
        verdict = await context.services.logins.verify(
            name.decode(), secret.decode(), service="pop3", client=channel.peer
        )
    except (BadCredentials, UnicodeDecodeError) as failure:
        context.failures += 1
        log.info("login failed", client=channel.peer, username=name.decode("utf-8", "replace")[:100])
        if context.failures >= FAILURES_LIMIT:
            context.state = State.OVER
            return error("Too many failed logins", "AUTH")
        raise BadCredentials("wrong user name or password") from failure
    maildrop = await Maildrop.open(context.services.store, verdict.account_id)
    context.enter(verdict, maildrop)
    log.info("login", client=channel.peer, address=verdict.address, tls=channel.secure)
    return ok(f"Logged in, {len(maildrop)} messages")
