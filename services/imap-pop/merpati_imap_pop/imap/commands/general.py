"""CAPABILITY, NOOP, LOGOUT, ID, ENABLE, NAMESPACE, CHECK: commands that change little (RFC 9051 6.1)."""

from __future__ import annotations

from merpati.platform.telemetry import get_logger
from merpati_imap_pop.imap.commands.context import Context, State
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.wire.values import parenthesised, string

log = get_logger(__name__)


def capability(context: Context, _: None) -> Reply:
    context.send(b"* CAPABILITY %b\r\n" % context.capabilities())
    return ok("Here is what I can")


def noop(context: Context, _: None) -> Reply:
    return ok("NOOP completed")


def check(context: Context, _: None) -> Reply:
    """RFC 3501 6.4.1: all is on disk before any command is answered, so nothing is left to do."""
    return ok("CHECK completed")


def logout(context: Context, _: None) -> Reply:
    context.send(b"* BYE Logging out\r\n")
    context.state = State.LOGOUT
    return ok("LOGOUT completed")


def identify(context: Context, fields: dict[str, str]) -> Reply:
    """RFC 2971: nothing may depend on it, but the log of a support case may want it."""
    if fields:
        log.debug(
            "client", peer=context.channel.peer, **{f"id_{key}": value for key, value in fields.items()}
        )
    context.send(b"* ID %b\r\n" % parenthesised(map(string, (b"name", b"Merpati"))))
    return ok("ID completed")


def enable(context: Context, names: tuple[str, ...]) -> Reply:
    """RFC 5161: what is unknown is passed over, and what is on already is not told again."""
    enabled = b""
    if "CONDSTORE" in names:
        enabled = b"" if context.condstore else b" CONDSTORE"
        context.condstore = True
    context.send(b"* ENABLED%b\r\n" % enabled)
    return ok("ENABLE completed")


def namespace(context: Context, _: None) -> Reply:
    """RFC 2342: all folders are the user's own."""
    context.send(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return ok("NAMESPACE completed")
