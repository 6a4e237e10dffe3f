"""What SEARCH can ask for, as a tree (RFC 9051 6.4.4, RFC 7162 3.1.5, RFC 4731)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from merpati_imap_pop.imap.wire.cursor import Cursor
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.sequence import SequenceSet

DEPTH_LIMIT: Final = 50
"""Nesting of parentheses, NOT and OR."""
KEYS_LIMIT: Final = 500
"""Keys in one search."""

CHARSETS: Final = {
    "US-ASCII": "utf-8",  # with 8-bit text it is a client that means UTF-8
    "UTF-8": "utf-8",
    "ISO-8859-1": "iso-8859-1",
    "ISO-8859-15": "iso-8859-15",
    "WINDOWS-1252": "windows-1252",
}


class BadCharset(WireError):
    """The charset is none of `CHARSETS`: NO [BADCHARSET]."""


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class HasFlag:
    """A system flag, with its backslash, or a keyword."""

    flag: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """Messages by number, or by UID."""

    messages: SequenceSet
    uid: bool


@dataclass(frozen=True, slots=True)
class Dated:
    """`internal` or `sent` date, compared without time and zone."""

    sent: bool
    comparison: str  # BEFORE, ON, SINCE
    day: date


@dataclass(frozen=True, slots=True)
class Sized:
    """RFC822.SIZE larger or smaller than `size`."""

    larger: bool
    size: int


@dataclass(frozen=True, slots=True)
class InHeader:
    """A header field that contains `text`; empty: that exists."""

    name: bytes  # lower case
    text: str


@dataclass(frozen=True, slots=True)
class InText:
    """`text` in the body; with `header`, anywhere in the message."""

    text: str
    header: bool


@dataclass(frozen=True, slots=True)
class ModifiedSince:
    """MODSEQ at least this (RFC 7162 3.1.5)."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Not:
    """Messages that `key` does not find."""

    key: Key


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Keys that stand side by side."""

    keys: tuple[Key, ...]


Key = All | HasFlag | Numbers | Dated | Sized | InHeader | InText | ModifiedSince | Not | AnyOf | AllOf


@dataclass(frozen=True, slots=True)
class Search:
    """The arguments of SEARCH; `results` are RFC 4731's options, None without RETURN."""

    key: Key
    results: frozenset[str] | None = None
    modseq: bool = False
    """Whether MODSEQ was a key: then the answer tells the highest (RFC 7162 3.1.5)."""


def parse_search(cursor: Cursor) -> Search:
    results = _results(cursor)
    codec = "utf-8"
    if cursor.data[cursor.position : cursor.position + 8].upper() == b"CHARSET ":
        cursor.position += 8
        codec = _codec(cursor.astring())
        cursor.space()
    parser = _Parser(cursor, codec)
    key = parser.keys(0)
    cursor.end()
    return Search(key, results, parser.modseq)


def _results(cursor: Cursor) -> frozenset[str] | None:
    if cursor.data[cursor.position : cursor.position + 8].upper() != b"RETURN (":
        return None
    cursor.position += 7
    options = frozenset(cursor.parenthesised(cursor.word, empty=True))
    cursor.space()
    if unknown := options - {"MIN", "MAX", "ALL", "COUNT"}:
        raise WireError(f"Unknown search result option {min(unknown)}")
    return options or frozenset({"ALL"})


def _codec(charset: bytes) -> str:
    codec = CHARSETS.get(charset.decode("latin-1").upper())
    if codec is None:
        raise BadCharset("Unknown charset")
    return codec


_FLAGS: Final[dict[str, Key]] = {
    name: HasFlag(f"\\{name.capitalize()}")
    for name in ("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "RECENT")
}
_PLAIN: Final[dict[str, Key]] = {
    "ALL": All(),
    **_FLAGS,
    **{f"UN{name}": Not(key) for name, key in _FLAGS.items() if name != "RECENT"},
    "NEW": AllOf((HasFlag("\\Recent"), Not(HasFlag("\\Seen")))),
    "OLD": Not(HasFlag("\\Recent")),
}
_HEADERS: Final = frozenset({"FROM", "TO", "CC", "BCC", "SUBJECT"})
_DATES: Final[dict[str, tuple[bool, str]]] = {
    prefix + name: (bool(prefix), name) for prefix in ("", "SENT") for name in ("BEFORE", "ON", "SINCE")
}


class _Parser:
    """Reads keys; remembers whether MODSEQ was one of them."""

    def __init__(self, cursor: Cursor, codec: str) -> None:
        self.modseq = False
        self._cursor = cursor
        self._codec = codec
        self._count = 0
        self._special: dict[str, Callable[[int], Key]] = {
            "NOT": lambda depth: Not(self._key(depth)),
            "OR": self._either,
            "UID": lambda _: Numbers(self._cursor.sequence_set(), uid=True),
            "KEYWORD": lambda _: HasFlag(self._cursor.flag()),
            "UNKEYWORD": lambda _: Not(HasFlag(self._cursor.flag())),
            "LARGER": lambda _: Sized(True, self._cursor.number()),
            "SMALLER": lambda _: Sized(False, self._cursor.number()),
            "HEADER": self._header,
            "BODY": lambda _: InText(self._text(), header=False),
            "TEXT": lambda _: InText(self._text(), header=True),
            "MODSEQ": self._modseq,
        }

    def keys(self, depth: int) -> Key:
        keys = [self._key(depth)]
        while self._cursor.accept(b" "):
            keys.append(self._key(depth))
        return keys[0] if len(keys) == 1 else AllOf(tuple(keys))

    def _key(self, depth: int) -> Key:
        self._count += 1
        if depth > DEPTH_LIMIT or self._count > KEYS_LIMIT:
            raise WireError("Search is too complex")
        following = self._cursor.peek()
        if following == b"(":
            self._cursor.expect(b"(")
            key = self.keys(depth + 1)
            self._cursor.expect(b")")
            return key
        if following.isdigit() or following == b"*":
            return Numbers(self._cursor.sequence_set(), uid=False)
        return self._named(self._cursor.word(), depth + 1)

    def _named(self, name: str, depth: int) -> Key:
        plain = _PLAIN.get(name)
        if plain is not None:
            return plain
        special = self._special.get(name)
        if special is None and name not in _HEADERS and name not in _DATES:
            raise WireError(f"Unknown search key {name}")
        self._cursor.space()
        if special is not None:
            return special(depth)
        if name in _HEADERS:
            return InHeader(name.lower().encode(), self._text())
        sent, comparison = _DATES[name]
        return Dated(sent, comparison, self._cursor.date())

    def _either(self, depth: int) -> Key:
        first = self._key(depth)
        self._cursor.space()
        return AnyOf((first, self._key(depth)))

    def _header(self, _depth: int) -> Key:
        name = self._cursor.astring().lower()
        self._cursor.space()
        return InHeader(name, self._text())

    def _modseq(self, _depth: int) -> Key:
        """`MODSEQ ["/flags/\\Seen" all] 123`: the entry may be given, ours are one value a message."""
        if self._cursor.peek() == b'"':
            self._cursor.string()
            self._cursor.space()
            if self._cursor.word() not in ("ALL", "PRIV", "SHARED"):
                raise WireError("Unknown entry type")
            self._cursor.space()
        self.modseq = True
        return ModifiedSince(self._cursor.number())

    def _text(self) -> str:
        try:
            return self._cursor.astring().decode(self._codec)
        except UnicodeDecodeError:
            raise WireError("Search text is not in its charset") from None
