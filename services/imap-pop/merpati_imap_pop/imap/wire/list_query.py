"""What LIST and LSUB can ask for, as data (RFC 9051 6.3.9, RFC 5258, RFC 5819)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merpati_imap_pop.imap.wire.arguments import status_items
from merpati_imap_pop.imap.wire.cursor import Cursor
from merpati_imap_pop.imap.wire.errors import WireError


@dataclass(frozen=True, slots=True)
class ListQuery:
    """LIST in all of its forms (RFC 5258, RFC 5819)."""

    reference: str
    patterns: tuple[str, ...]
    select: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended: bool = False


_LIST_SELECT: Final = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
_LIST_RETURN: Final = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE"})
PATTERNS_LIMIT: Final = 100


def parse_list(cursor: Cursor) -> ListQuery:
    extended = cursor.peek() == b"("
    selection: frozenset[str] = frozenset()
    if extended:
        selection = _options(cursor.parenthesised(cursor.word, empty=True), _LIST_SELECT)
        if selection == {"RECURSIVEMATCH"} or selection == {"RECURSIVEMATCH", "REMOTE"}:
            raise WireError("RECURSIVEMATCH stands only beside another option")  # RFC 5258 3
        cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    if cursor.peek() == b"(":
        extended = True
        patterns = tuple(cursor.parenthesised(cursor.list_mailbox))
    else:
        patterns = (cursor.list_mailbox(),)
    if len(patterns) > PATTERNS_LIMIT:
        raise WireError("Too many patterns")
    returns: frozenset[str] = frozenset()
    items: tuple[str, ...] = ()
    if cursor.accept(b" "):
        extended = True
        returns, items = _list_returns(cursor)
    cursor.end()
    return ListQuery(reference, patterns, selection, returns, items, extended)


def _options(words: list[str], known: frozenset[str]) -> frozenset[str]:
    if unknown := set(words) - known:
        raise WireError(f"Unknown LIST option {min(unknown)}")
    return frozenset(words)


def _list_returns(cursor: Cursor) -> tuple[frozenset[str], tuple[str, ...]]:
    if cursor.word() != "RETURN":
        raise WireError("Expected RETURN")
    cursor.space()
    items: tuple[str, ...] = ()

    def option() -> str:
        nonlocal items
        word = cursor.word()
        if word == "STATUS":
            cursor.space()
            items = status_items(cursor)
        return word

    words = cursor.parenthesised(option, empty=True)
    return _options([word for word in words if word != "STATUS"], _LIST_RETURN), items


def parse_list_subscribed(cursor: Cursor) -> ListQuery:
    """LSUB."""
    reference = cursor.mailbox()
    cursor.space()
    pattern = cursor.list_mailbox()
    cursor.end()
    return ListQuery(reference, (pattern,))
