"""FETCH's data items, one row an item: the columns it needs and how it is written (RFC 9051 6.4.5, 7.5.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from merpati.message import LISTED, Part, header_end, parse, select_lines, span
from merpati.message import Section as Wanted
from merpati.message import section as cut
from merpati.message.sections import Kind
from merpati_imap_pop.imap.commands import flags
from merpati_imap_pop.imap.responses import Bad
from merpati_imap_pop.imap.view import View
from merpati_imap_pop.imap.wire.fetch_items import Item, Section
from merpati_imap_pop.imap.wire.values import date_time, literal

PLACE: Final = ("dir", "base", "mirrored", "size")
"""The columns by which a message's file is found, and how large it is."""


class Message:
    """One message of a FETCH: its place in the view, its row, and its bytes where an item needs them."""

    __slots__ = ("_root", "content", "index", "row", "size", "uid", "view")

    def __init__(self, view: View, index: int, row: Sequence[Any] = ()) -> None:
        self.view = view
        self.index = index
        self.uid = view.uids[index]
        self.row = row
        self.content = b""
        self.size = 0
        self._root: Part | None = None

    @property
    def root(self) -> Part:
        if self._root is None:
            self._root = parse(self.content)
        return self._root

    def forget(self) -> None:
        """Let go of the bytes."""
        self.content = b""
        self._root = None


Positions = Mapping[str, int]
"""Where the columns stand in a row."""
Value = Callable[[Message], bytes | int]


@dataclass(frozen=True, slots=True)
class Source:
    """How an item is made: `template` around a column of the row, or around what `value` says."""

    template: bytes
    columns: tuple[str, ...] = ()
    value: Callable[[Positions], Value] | None = None
    """None: the one column, as it is stored."""
    content: bool = False
    """Whether the message's bytes are needed."""


def _flags(message: Message) -> bytes:
    return flags.of_message(message.view, message.index)


def _modseq(message: Message) -> int:
    return message.view.modseqs[message.index]


def _internal_date(positions: Positions) -> Value:
    at, offset = positions["received_at"], positions["received_offset"]
    return lambda message: date_time(message.row[at], message.row[offset])


_ITEMS: Final[dict[str, Source]] = {
    "UID": Source(b"UID %d", ("uid",)),
    "FLAGS": Source(b"FLAGS (%b)", (), lambda _: _flags),
    "MODSEQ": Source(b"MODSEQ (%d)", (), lambda _: _modseq),
    "INTERNALDATE": Source(b"INTERNALDATE %b", ("received_at", "received_offset"), _internal_date),
    "RFC822.SIZE": Source(b"RFC822.SIZE %d", ("size",)),
    "ENVELOPE": Source(b"ENVELOPE %b", ("envelope",)),
    "BODY": Source(b"BODY %b", ("body",)),
    "BODYSTRUCTURE": Source(b"BODYSTRUCTURE %b", ("bodystructure",)),
}


def source(item: Item) -> Source:
    """Raises `Bad` for an item there is not."""
    if isinstance(item, Section):
        return _listed_header(item) or Source(b"%b", PLACE, lambda _: _section(item), content=True)
    found = _ITEMS.get(item)
    if found is None:
        raise Bad(f"Unknown data item {item}")
    return found


def _listed_header(section: Section) -> Source | None:
    """Header fields that are stored with the row, which is what clients list a folder with."""
    fields = frozenset(name.lower() for name in section.fields)
    if section.part or section.text != "HEADER.FIELDS" or not fields <= LISTED:
        return None

    def bound(positions: Positions) -> Value:
        at, label = positions["headers"], section.label + b" "

        def value(message: Message) -> bytes:
            stored = message.row[at]
            lines = select_lines(stored, fields, 0, len(stored)) + b"\r\n"
            return label + literal(_partial(lines, section.partial))

        return value

    return Source(b"%b", ("headers",), bound)


Found = bytes | tuple[int, int] | None
"""What a section is: some bytes of its own, a span of the message, or nothing there."""


def _section(section: Section) -> Value:
    locate = locator(section)

    def value(message: Message) -> bytes:
        found = locate(message)
        if found is None:
            return section.label + b" NIL"
        data = message.content[found[0] : found[1]] if isinstance(found, tuple) else found
        return section.label + b" " + literal(data)

    return value


def locator(section: Section) -> Callable[[Message], Found]:
    """Finds the section in a message, cut as the client wants it."""
    kind: Kind = section.text  # type: ignore[assignment]
    wanted = Wanted(section.part, kind, frozenset(name.lower() for name in section.fields))

    def locate(message: Message) -> Found:
        found = _locate(message, wanted)
        if isinstance(found, bytes):
            return _partial(found, section.partial)
        if found is None or section.partial is None:
            return found
        start = min(found[0] + section.partial[0], found[1])
        return start, min(start + section.partial[1], found[1])

    return locate


def _locate(message: Message, wanted: Wanted) -> Found:
    """Pieces of the message as a whole need no look at its parts, and all of it none at its bytes."""
    if not wanted.number:
        if not wanted.kind:
            return 0, message.size
        if wanted.kind == "HEADER":
            return 0, header_end(message.content)
        if wanted.kind == "TEXT":
            return header_end(message.content), message.size
    if wanted.kind.startswith("HEADER.FIELDS"):
        return cut(message.content, message.root, wanted)
    return span(message.root, wanted)


def _partial(data: bytes, part: tuple[int, int] | None) -> bytes:
    return data if part is None else data[part[0] : part[0] + part[1]]
