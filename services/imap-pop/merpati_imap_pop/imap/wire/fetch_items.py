"""What FETCH can ask for, as data (RFC 9051 6.4.5, RFC 7162 3.1.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from merpati_imap_pop.imap.wire.cursor import Cursor
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.sequence import SequenceSet
from merpati_imap_pop.imap.wire.values import astring

MACROS: Final[dict[str, tuple[str, ...]]] = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
ITEMS_LIMIT: Final = 200
"""Items of one FETCH; clients ask for about ten."""

_NAME = re.compile(rb"[A-Za-z0-9.]+")
_PART = re.compile(rb"[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*")
_PARTIAL = re.compile(rb"<(\d{1,10})\.([1-9]\d{0,9})>")


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a message: `BODY[1.2.HEADER.FIELDS (To)]<0.100>`."""

    label: bytes
    """What stands before the data in the response."""
    part: str = ""
    """`1.2`; empty: the message itself."""
    text: str = ""
    """HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT, MIME; empty: all of it."""
    fields: tuple[bytes, ...] = ()
    partial: tuple[int, int] | None = None
    """First octet and count."""
    peek: bool = False
    """Whether \\Seen stays as it is."""


Item = str | Section
"""A name of a data item, or a section."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """The arguments of FETCH."""

    messages: SequenceSet
    items: tuple[Item, ...]
    changed_since: int | None = None


# RFC 9051 dropped these old forms of sections; RFC 3501 clients use them.
_OLD_SECTIONS: Final[dict[str, Section]] = {
    "RFC822": Section(b"RFC822"),
    "RFC822.HEADER": Section(b"RFC822.HEADER", text="HEADER", peek=True),
    "RFC822.TEXT": Section(b"RFC822.TEXT", text="TEXT"),
}


def parse_fetch(cursor: Cursor) -> Fetch:
    messages = cursor.sequence_set()
    cursor.space()
    items = _items(cursor)
    changed_since = None
    if cursor.accept(b" "):
        changed_since = _modifiers(cursor)
    cursor.end()
    if changed_since is not None and "MODSEQ" not in items:
        items.append("MODSEQ")  # RFC 7162 3.1.4.1: CHANGEDSINCE implies it
    if len(items) > ITEMS_LIMIT:
        raise WireError("Too many data items")
    return Fetch(messages, tuple(dict.fromkeys(items)), changed_since)


def _items(cursor: Cursor) -> list[Item]:
    if cursor.peek() == b"(":
        return cursor.parenthesised(lambda: _item(cursor))
    start = cursor.position
    macro = MACROS.get(_name(cursor))
    if macro is not None:
        return list(macro)
    cursor.position = start
    return [_item(cursor)]


def _name(cursor: Cursor) -> str:
    match = _NAME.match(cursor.data, cursor.position)
    if match is None:
        raise WireError("Expected a data item")
    cursor.position = match.end()
    return match[0].decode("ascii").upper()


def _item(cursor: Cursor) -> Item:
    name = _name(cursor)
    if name in ("BODY", "BODY.PEEK") and cursor.peek() == b"[":
        return _section(cursor, peek=name == "BODY.PEEK")
    return _OLD_SECTIONS.get(name, name)


def _section(cursor: Cursor, *, peek: bool) -> Section:
    start = cursor.position
    cursor.expect(b"[")
    part = _PART.match(cursor.data, cursor.position)
    text = ""
    if part is not None:
        cursor.position = part.end()
    if part is None or cursor.accept(b"."):
        text = _section_text(cursor, in_part=part is not None)
    fields = _fields(cursor) if text.startswith("HEADER.FIELDS") else ()
    inner = _spelling(part[0] if part else b"", text, fields)
    if not cursor.accept(b"]"):
        raise WireError(f"Invalid section at octet {cursor.position - start}")
    partial = _PARTIAL.match(cursor.data, cursor.position)
    span = None
    origin = b""
    if partial is not None:
        cursor.position = partial.end()
        span = (int(partial[1]), int(partial[2]))
        origin = b"<%d>" % span[0]
    label = b"BODY[%b]%b" % (inner, origin)
    return Section(label, part[0].decode() if part else "", text, fields, span, peek)


def _section_text(cursor: Cursor, *, in_part: bool) -> str:
    if not in_part and cursor.peek() == b"]":
        return ""
    text = _name(cursor)
    allowed = ("HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT") + (("MIME",) if in_part else ())
    if text not in allowed:
        raise WireError("Unknown section")
    return text


def _fields(cursor: Cursor) -> tuple[bytes, ...]:
    cursor.space()
    return tuple(cursor.parenthesised(cursor.astring))


def _spelling(part: bytes, text: str, fields: tuple[bytes, ...]) -> bytes:
    inner = b".".join(piece for piece in (part, text.encode()) if piece)
    return inner + b" (%b)" % b" ".join(map(astring, fields)) if fields else inner


def _modifiers(cursor: Cursor) -> int:
    """`(CHANGEDSINCE 12345)`: the only modifier we know."""

    def modifier() -> int:
        if cursor.word() != "CHANGEDSINCE":
            raise WireError("Unknown fetch modifier")
        cursor.space()
        return cursor.number()

    return max(cursor.parenthesised(modifier))
