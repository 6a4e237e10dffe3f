"""The commands: one row each with its states, arguments, handler, capability, and whether numbers may move."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from merpati_imap_pop.imap.commands import (
    appending,
    entering,
    expunging,
    fetching,
    general,
    idling,
    listing,
    mailboxes,
    quota,
    searching,
    selecting,
    status,
    storing,
    transferring,
)
from merpati_imap_pop.imap.commands.context import Context, Outcome, State
from merpati_imap_pop.imap.wire import arguments, fetch_items, list_query, search_keys
from merpati_imap_pop.imap.wire.cursor import Cursor

_ANY: Final = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
_IN: Final = State.AUTHENTICATED | State.SELECTED
_OUT: Final = State.NOT_AUTHENTICATED
_SELECTED: Final = State.SELECTED


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table."""

    name: str
    states: State
    parse: Callable[[Cursor], Any]
    """Reads what stands behind the name (and the space behind it)."""
    run: Callable[[Context, Any], Outcome | Awaitable[Outcome]]
    capability: str = ""
    expunge: bool = True
    """Whether EXPUNGE responses may follow: not where the client counts on its numbers (RFC 9051 7.5.1)."""


_none = arguments.nothing
COMMANDS: Final[dict[str, Command]] = {
    row.name: row
    for row in (
        # Any state
        Command("CAPABILITY", _ANY, _none, general.capability),
        Command("NOOP", _ANY, _none, general.noop),
        Command("LOGOUT", _ANY, _none, general.logout),
        Command("ID", _ANY, arguments.identity, general.identify, "ID"),
        # Not authenticated
        Command("STARTTLS", _OUT, _none, entering.starttls),
        Command("AUTHENTICATE", _OUT, arguments.authenticate, entering.authenticate, "SASL-IR"),
        Command("LOGIN", _OUT, arguments.login, entering.login),
        # Authenticated
        Command("ENABLE", _IN, arguments.capabilities, general.enable, "ENABLE"),
        Command("NAMESPACE", _IN, _none, general.namespace, "NAMESPACE"),
        Command("SELECT", _IN, arguments.select, selecting.select),
        Command("EXAMINE", _IN, arguments.select, selecting.examine),
        Command("CREATE", _IN, arguments.create, mailboxes.create, "CREATE-SPECIAL-USE"),
        Command("DELETE", _IN, arguments.mailbox, mailboxes.delete),
        Command("RENAME", _IN, arguments.rename, mailboxes.rename),
        Command("SUBSCRIBE", _IN, arguments.mailbox, mailboxes.subscribe),
        Command("UNSUBSCRIBE", _IN, arguments.mailbox, mailboxes.unsubscribe),
        Command("LIST", _IN, list_query.parse_list, listing.list_mailboxes, "LIST-EXTENDED"),
        Command("LSUB", _IN, list_query.parse_list_subscribed, listing.list_subscribed),
        Command("STATUS", _IN, arguments.status, status.status, "STATUS=SIZE"),
        Command("APPEND", _IN, arguments.append, appending.append),
        Command("IDLE", _IN, _none, idling.idle, "IDLE"),
        Command("GETQUOTA", _IN, arguments.quota_root, quota.get_quota, "QUOTA"),
        Command("GETQUOTAROOT", _IN, arguments.mailbox, quota.get_quota_root, "QUOTA=RES-STORAGE"),
        # Selected
        Command("CHECK", _SELECTED, _none, general.check),
        Command("CLOSE", _SELECTED, _none, selecting.close),
        Command("UNSELECT", _SELECTED, _none, selecting.unselect, "UNSELECT"),
        Command("EXPUNGE", _SELECTED, _none, expunging.expunge),
        Command("UID EXPUNGE", _SELECTED, arguments.uid_set, expunging.uid_expunge, "UIDPLUS"),
        *(
            Command(prefix + name, _SELECTED, parse, partial(run, uid=bool(prefix)), capability, expunge)
            for name, parse, run, capability, numbers_may_move in (
                ("FETCH", fetch_items.parse_fetch, fetching.fetch, "CONDSTORE", False),
                ("STORE", arguments.store, storing.store, "CONDSTORE", False),
                ("SEARCH", search_keys.parse_search, searching.search, "ESEARCH", False),
                ("COPY", arguments.transfer, transferring.copy, "UIDPLUS", True),
                ("MOVE", arguments.transfer, transferring.move, "MOVE", True),
            )
            for prefix, expunge in (("", numbers_may_move), ("UID ", True))
        ),
    )
}

_OUTSIDE: Final = ("ID", "SASL-IR", "ENABLE", "IDLE", "LITERAL+")
"""Told before login too: what a client may use then, or wants to know to choose its login."""
_WITHOUT_COMMAND: Final = ("LITERAL+", "CHILDREN", "SPECIAL-USE", "LIST-STATUS")
"""Capabilities that are a manner of other commands or of the wire."""


def capabilities(context: Context) -> bytes:
    """The capabilities in the session's present state."""
    own = [command.capability for command in COMMANDS.values() if command.capability]
    everything = dict.fromkeys([*own, *_WITHOUT_COMMAND])
    if context.state is not State.NOT_AUTHENTICATED:
        return " ".join(["IMAP4rev1", *(name for name in everything if name != "SASL-IR")]).encode()
    names = ["IMAP4rev1", *(name for name in everything if name in _OUTSIDE)]
    if not context.channel.secure:
        names.append("STARTTLS")
    offered = entering.mechanisms(context)
    names += [f"AUTH={mechanism}" for mechanism in offered] or ["LOGINDISABLED"]
    return " ".join(names).encode()
