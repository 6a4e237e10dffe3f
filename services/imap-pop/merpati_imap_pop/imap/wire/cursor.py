"""The tokens of IMAP's grammar (RFC 9051 9), read from one framed command."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, TypeVar

from merpati_imap_pop.imap.wire import mutf7, sequence
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.sequence import SequenceSet

T = TypeVar("T")

MONTHS: Final = (
    b"Jan",
    b"Feb",
    b"Mar",
    b"Apr",
    b"May",
    b"Jun",
    b"Jul",
    b"Aug",
    b"Sep",
    b"Oct",
    b"Nov",
    b"Dec",
)
_MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}

_ATOM = re.compile(rb"[^(){ %*\"\\\]\x00-\x1f\x7f-\xff]+")
_ASTRING_ATOM = re.compile(rb"[^(){ %*\"\\\x00-\x1f\x7f-\xff]+")
_LIST_ATOM = re.compile(rb"[^(){ \"\\\x00-\x1f\x7f-\xff]+")  # with % and *
_QUOTED = re.compile(rb'"([^"\\\r\n\x00]*(?:\\["\\][^"\\\r\n\x00]*)*)"')
_UNQUOTE = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"~?\{(\d{1,20})\+?\}\r?\n")
_NUMBER = re.compile(rb"\d{1,20}")
_SET = re.compile(rb"[\d:,*]+")
_FLAG = re.compile(rb"\\?[^(){ %*\"\\\]\x00-\x1f\x7f-\xff]+")
_DATE = re.compile(rb"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
_DATE_TIME = re.compile(rb'"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')


class Cursor:
    """A place in a command. Every method moves on past what it returns, or raises `WireError`."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    # Single octets

    def at_end(self) -> bool:
        return self.position >= len(self.data)

    def end(self) -> None:
        if not self.at_end():
            raise WireError("Unexpected text after the command")

    def peek(self) -> bytes:
        return self.data[self.position : self.position + 1]

    def accept(self, token: bytes) -> bool:
        """Move past `token` if it stands here."""
        if self.data.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def expect(self, token: bytes) -> None:
        if not self.accept(token):
            raise WireError(f"Expected {token.decode()!r}" if token.strip() else "Expected a space")

    def space(self) -> None:
        self.expect(b" ")

    def _match(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        match = pattern.match(self.data, self.position)
        if match is None:
            raise WireError(f"Expected {what}")
        self.position = match.end()
        return match

    # Words and strings

    def atom(self) -> bytes:
        return self._match(_ATOM, "an atom")[0]

    def word(self) -> str:
        """An atom that is a name of the protocol: upper case."""
        return self.atom().decode("ascii").upper()

    def string(self) -> bytes:
        """A quoted string or a literal."""
        if self.peek() == b'"':
            text = self._match(_QUOTED, "a quoted string")[1]
            return _UNQUOTE.sub(rb"\1", text) if b"\\" in text else text
        size = int(self._match(_LITERAL, "a string")[1])
        start = self.position
        if start + size > len(self.data):
            raise WireError("Literal is incomplete")
        self.position = start + size
        return self.data[start : self.position]

    def astring(self) -> bytes:
        if self.peek() in (b'"', b"{", b"~"):
            return self.string()
        return self._match(_ASTRING_ATOM, "a string")[0]

    def nstring(self) -> bytes | None:
        if self.peek() not in (b'"', b"{"):
            if self.word() != "NIL":
                raise WireError("Expected a string or NIL")
            return None
        return self.string()

    def mailbox(self) -> str:
        return mailbox_name(self.astring())

    def list_mailbox(self) -> str:
        """A mailbox name with wildcards."""
        if self.peek() in (b'"', b"{", b"~"):
            return mutf7.decode(self.string())
        return mutf7.decode(self._match(_LIST_ATOM, "a mailbox pattern")[0])

    # Numbers

    def number(self) -> int:
        """A number of up to 63 bits (RFC 7162's mod-sequence values and sizes)."""
        number = int(self._match(_NUMBER, "a number")[0])
        if number >= 2**63:
            raise WireError("Number is too large")
        return number

    def sequence_set(self) -> SequenceSet:
        return sequence.parse(self._match(_SET, "a message set")[0])

    # Lists

    def parenthesised(self, item: Callable[[], T], *, empty: bool = False) -> list[T]:
        """`(item item ...)`"""
        self.expect(b"(")
        items: list[T] = []
        if empty and self.accept(b")"):
            return items
        while True:
            items.append(item())
            if self.accept(b")"):
                return items
            self.space()

    def flag(self) -> str:
        return self._match(_FLAG, "a flag")[0].decode("ascii")

    def flags(self) -> list[str]:
        """A flag list, which may be empty."""
        return self.parenthesised(self.flag, empty=True)

    # Dates

    def date(self) -> date:
        """`1-Feb-1994`, bare or quoted."""
        quoted = self.accept(b'"')
        match = self._match(_DATE, "a date")
        if quoted:
            self.expect(b'"')
        try:
            return date(int(match[3]), _month(match[2]), int(match[1]))
        except ValueError:
            raise WireError("There is no such date") from None

    def date_time(self) -> datetime:
        """`"17-Jul-1996 02:44:25 -0700"`"""
        match = self._match(_DATE_TIME, "a date and time")
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        try:
            zone = timezone(-offset if sign == b"-" else offset)
            moment = datetime(
                int(year), _month(month), int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone
            )
            moment.astimezone(UTC)  # year 1 and 9999 can fall out of the calendar
        except (ValueError, OverflowError):
            raise WireError("There is no such date") from None
        return moment


def mailbox_name(name: bytes) -> str:
    """A mailbox's name; INBOX in any case is INBOX, also as the first level of a name (RFC 9051 5.1)."""
    text = mutf7.decode(name)
    head, separator, rest = text.partition("/")
    return "INBOX" + separator + rest if head.upper() == "INBOX" else text


def _month(name: bytes) -> int:
    number = _MONTH_NUMBERS.get(name.lower())
    if number is None:
        raise WireError("There is no such month")
    return number
