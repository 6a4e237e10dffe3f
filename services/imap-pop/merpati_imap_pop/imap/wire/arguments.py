"""The arguments of every other command, as data, and how they are read (RFC 9051 6)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from merpati_imap_pop.imap.wire.cursor import Cursor
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.sequence import SequenceSet

STATUS_ITEMS: Final = frozenset(
    {"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "SIZE", "DELETED"}
)


@dataclass(frozen=True, slots=True)
class Login:
    username: bytes
    password: bytes


@dataclass(frozen=True, slots=True)
class Authenticate:
    """`initial` is SASL-IR's first response (RFC 4959); None: none was sent."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class Select:
    mailbox: str
    condstore: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    mailbox: str
    use: tuple[str, ...] = ()
    """RFC 6154's special uses, with the backslash."""


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Append:
    mailbox: str
    flags: tuple[str, ...]
    received_at: datetime | None
    data: bytes


Mode = Literal["set", "add", "remove"]
"""FLAGS, +FLAGS, -FLAGS."""


@dataclass(frozen=True, slots=True)
class Store:
    messages: SequenceSet
    mode: Mode
    silent: bool
    flags: tuple[str, ...]
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """COPY and MOVE."""

    messages: SequenceSet
    mailbox: str


def nothing(cursor: Cursor) -> None:
    cursor.end()


def identity(cursor: Cursor) -> dict[str, str]:
    """ID's parameters (RFC 2971 3.3: at most 30 pairs)."""
    fields: dict[str, str] = {}
    if cursor.peek() != b"(":
        cursor.nstring()
        cursor.end()
        return fields
    words = cursor.parenthesised(cursor.nstring, empty=True)
    cursor.end()
    if len(words) % 2 or len(words) > 60:
        raise WireError("Expected at most 30 pairs of field and value")
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name is not None:
            fields[_text(name)[:30]] = _text(value or b"")[:1024]
    return fields


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def capabilities(cursor: Cursor) -> tuple[str, ...]:
    names = [cursor.word()]
    while cursor.accept(b" "):
        names.append(cursor.word())
    cursor.end()
    return tuple(names)


def login(cursor: Cursor) -> Login:
    username = cursor.astring()
    cursor.space()
    password = cursor.astring()
    cursor.end()
    return Login(username, password)


def authenticate(cursor: Cursor) -> Authenticate:
    mechanism = cursor.word()
    initial = None
    if cursor.accept(b" "):
        initial = sasl_data(cursor.data[cursor.position :])
        cursor.position = len(cursor.data)
    cursor.end()
    return Authenticate(mechanism, initial)


def sasl_data(text: bytes) -> bytes:
    """base64 of a SASL message; `=` is an empty initial response (RFC 4959 3)."""
    if text == b"=":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise WireError("Invalid base64") from None


def mailbox(cursor: Cursor) -> str:
    name = cursor.mailbox()
    cursor.end()
    return name


def quota_root(cursor: Cursor) -> str:
    root = cursor.astring()
    cursor.end()
    return _text(root)


def select(cursor: Cursor) -> Select:
    name = cursor.mailbox()
    condstore = False
    if cursor.accept(b" "):
        parameters = cursor.parenthesised(cursor.word)
        if set(parameters) != {"CONDSTORE"}:
            raise WireError("Unknown SELECT parameter")
        condstore = True
    cursor.end()
    return Select(name, condstore)


def create(cursor: Cursor) -> Create:
    name = cursor.mailbox()
    use: tuple[str, ...] = ()
    if cursor.accept(b" "):
        cursor.expect(b"(")
        if cursor.word() != "USE":
            raise WireError("Unknown CREATE parameter")
        cursor.space()
        use = tuple(map(_special_use, cursor.flags()))
        cursor.expect(b")")
    cursor.end()
    return Create(name, use)


def _special_use(flag: str) -> str:
    if not flag.startswith("\\"):
        raise WireError("Expected a special use")
    return "\\" + flag[1:].capitalize()


def rename(cursor: Cursor) -> Rename:
    old = cursor.mailbox()
    cursor.space()
    new = cursor.mailbox()
    cursor.end()
    return Rename(old, new)


def status(cursor: Cursor) -> Status:
    name = cursor.mailbox()
    cursor.space()
    items = status_items(cursor)
    cursor.end()
    return Status(name, items)


def status_items(cursor: Cursor) -> tuple[str, ...]:
    items = tuple(dict.fromkeys(cursor.parenthesised(cursor.word)))
    if unknown := set(items) - STATUS_ITEMS:
        raise WireError(f"Unknown STATUS item {min(unknown)}")
    return items


def append(cursor: Cursor) -> Append:
    name = cursor.mailbox()
    cursor.space()
    flags: tuple[str, ...] = ()
    received_at = None
    if cursor.peek() == b"(":
        flags = tuple(cursor.flags())
        cursor.space()
    if cursor.peek() == b'"':
        received_at = cursor.date_time()
        cursor.space()
    if cursor.peek() not in (b"{", b"~"):
        raise WireError("Expected a literal")
    data = cursor.string()
    cursor.end()
    return Append(name, flags, received_at, data)


def uid_set(cursor: Cursor) -> SequenceSet:
    messages = cursor.sequence_set()
    cursor.end()
    return messages


_MODES: Final[dict[str, Mode]] = {"FLAGS": "set", "+FLAGS": "add", "-FLAGS": "remove"}


def store(cursor: Cursor) -> Store:
    messages = cursor.sequence_set()
    cursor.space()
    unchanged_since = _unchanged_since(cursor) if cursor.peek() == b"(" else None
    item, dot, silent = cursor.word().partition(".")
    mode = _MODES.get(item)
    if mode is None or (dot and silent != "SILENT"):
        raise WireError("Expected FLAGS, +FLAGS or -FLAGS")
    cursor.space()
    if cursor.peek() == b"(":
        flags = cursor.flags()
    else:  # RFC 9051 9, store-att-flags: flags may stand bare
        flags = [cursor.flag()]
        while cursor.accept(b" "):
            flags.append(cursor.flag())
    cursor.end()
    return Store(messages, mode, bool(dot), tuple(flags), unchanged_since)


def _unchanged_since(cursor: Cursor) -> int:
    cursor.expect(b"(")
    if cursor.word() != "UNCHANGEDSINCE":
        raise WireError("Unknown STORE modifier")
    cursor.space()
    number = cursor.number()
    cursor.expect(b")")
    cursor.space()
    return number


def transfer(cursor: Cursor) -> Transfer:
    messages = cursor.sequence_set()
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    return Transfer(messages, name)
