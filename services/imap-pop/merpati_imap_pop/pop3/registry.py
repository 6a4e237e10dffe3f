"""The table of commands: name, states, argument form, capability and handler of each in one row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from merpati_imap_pop.pop3 import wire
from merpati_imap_pop.pop3.commands import authorization, transaction
from merpati_imap_pop.pop3.commands.context import Context, Outcome, State
from merpati_imap_pop.pop3.replies import Refusal, ok

_ENTERING = State.AUTHORIZATION
_INSIDE = State.TRANSACTION
_ALWAYS = _ENTERING | _INSIDE


def _no_capability(_: Context) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Row:
    """One command. `capability` is its line in CAPA in the present state, '' for none."""

    states: State
    arguments: Callable[[bytes], Any]
    handler: Callable[[Context, Any], Outcome | Awaitable[Outcome]]
    capability: Callable[[Context], str] = _no_capability


def _user(context: Context) -> str:
    return "USER" if context.allows_password else ""


def _sasl(context: Context) -> str:
    names = authorization.mechanisms(context)
    return " ".join(["SASL", *names]) if names else ""


def _stls(context: Context) -> str:
    """Only where it would work (RFC 2595 4)."""
    return "STLS" if context.state is _ENTERING and not context.channel.secure else ""


def capa(context: Context, _: None) -> bytes:
    """RFC 2449 5: the same list in both states, but for STLS."""
    lines = [row.capability(context) for row in COMMANDS.values()]
    return b"".join([ok("Capability list follows"), *_lines(lines), *_lines(GENERAL), b".\r\n"])


def _lines(names: list[str]) -> list[bytes]:
    return [b"%b\r\n" % name.encode() for name in names if name]


COMMANDS: dict[str, Row] = {
    "CAPA": Row(_ALWAYS, wire.nothing, capa),
    "STLS": Row(_ENTERING, wire.nothing, authorization.stls, _stls),
    "USER": Row(_ENTERING, wire.text, authorization.user, _user),
    "PASS": Row(_ENTERING, wire.text, authorization.password),
    "AUTH": Row(_ENTERING, wire.mechanism, authorization.auth, _sasl),
    "STAT": Row(_INSIDE, wire.nothing, transaction.stat),
    "LIST": Row(_INSIDE, wire.optional_number, transaction.list_),
    "RETR": Row(_INSIDE, wire.number, transaction.retr),
    "DELE": Row(_INSIDE, wire.number, transaction.dele),
    "NOOP": Row(_INSIDE, wire.nothing, transaction.noop),
    "RSET": Row(_INSIDE, wire.nothing, transaction.rset),
    "TOP": Row(_INSIDE, wire.number_and_count, transaction.top, lambda _: "TOP"),
    "UIDL": Row(_INSIDE, wire.optional_number, transaction.uidl, lambda _: "UIDL"),
    "QUIT": Row(_ALWAYS, wire.nothing, transaction.quit_),
}

GENERAL = ["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER"]
"""Capabilities of the whole: RFC 2449 6.4, RFC 3206 6, RFC 2449 6.6 and 6.7."""


def look_up(context: Context, command: wire.Command) -> tuple[Row, Any]:
    """The row of a command that is allowed now, and its arguments."""
    row = COMMANDS.get(command.keyword)
    if row is None:
        raise wire.WireError("Unknown command")
    if not row.states & context.state:
        raise Refusal("Log in first" if context.state is _ENTERING else "You are logged in")
    return row, row.arguments(command.arguments)
