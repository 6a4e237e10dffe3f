"""Address lists (RFC 5322 3.4, 4.4), read for what they mean even where the syntax is broken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from merpati.message.charsets import clean, guess
from merpati.message.headers import unfold
from merpati.message.limits import MAX_ADDRESS_TOKENS, MAX_ADDRESSES, REMEMBERED_FIELD
from merpati.message.words import decode_header

# The two shapes of nearly every address that stands alone.
_ATOMS = rb'[^\s"(),:;<>@\[\]\\]+'
_PHRASE = rb'"([^"\\]*)"|([^"(),:;<>@\[\]\\]*[^"(),:;<>@\[\]\\ \t])'
_NAMED = re.compile(rb"(?:%b)[ \t]*<(%b)@(%b)>" % (_PHRASE, _ATOMS, _ATOMS))
_BARE = re.compile(rb"<?(%b)@(%b)>?" % (_ATOMS, _ATOMS))
# What makes a comma or a blank mean something else.
_HARD = re.compile(rb'["():;\[\]\\]|<[^>]*[<,]|<[^>]*$').search
# Group 1: inside of quotes; 2: domain literal; 3: atoms; 4: a special.
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"?|(\[[^\]]*\]?)|([^\s"(),:;<>@\[\]]+)|([(),:;<>@\]])', re.DOTALL)
_COMMENT = re.compile(rb"[()\\]")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class RawAddress(NamedTuple):
    """An address as ENVELOPE has it: `host` None starts (mailbox = name) or ends (None) a group."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


class Address(NamedTuple):
    """An address as people see it; `host` is empty where the mail gave none."""

    name: str
    mailbox: str
    host: str

    @property
    def address(self) -> str:
        return f"{self.mailbox}@{self.host}" if self.host else self.mailbox


GROUP_END = RawAddress(None, None, None, None)


def addresses(raw: bytes) -> list[Address]:
    """The people in an address field, decoded; the names of groups are left out."""
    return [
        Address(decode_header(name) if name else "", _plain(mailbox or b""), _plain(host))
        for name, _, mailbox, host in raw_addresses(raw)
        if host is not None
    ]


def _plain(part: bytes) -> str:
    """Half an address as text: encoded words have no meaning here (RFC 2047 5), UTF-8 has (RFC 6532)."""
    return part.decode() if part.isalnum() else clean(guess(part))


def raw_addresses(raw: bytes) -> Sequence[RawAddress]:
    """The addresses and group marks of a field, names still as encoded words."""
    return _remembered(raw) if len(raw) <= REMEMBERED_FIELD else _read(raw)


@lru_cache(maxsize=2_048)
def _remembered(raw: bytes) -> tuple[RawAddress, ...]:
    """The same people write all day."""
    return tuple(_read(raw))


def _read(raw: bytes) -> list[RawAddress]:
    line = unfold(raw).replace(b"\t", b" ")
    if match := _NAMED.fullmatch(line):
        quoted, phrase, mailbox, host = match.groups()
        return [RawAddress(phrase if quoted is None else quoted, None, mailbox, host)]
    if match := _BARE.fullmatch(line):
        return [RawAddress(None, None, match[1], match[2])]
    if b"," in line and not _HARD(line):
        items = line.split(b",", MAX_ADDRESSES)[:MAX_ADDRESSES]
        return [address for item in items if item.strip() for address in _read(item)]
    return _List(line).parse()


class _List:
    """One pass over a list; `phrase` holds what has been read since the last separator."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        self.found: list[RawAddress] = []
        self.in_group = False
        self._reset()

    def _reset(self) -> None:
        self.phrase = bytearray()  # as written, blanks made single
        self.spec = bytearray()  # the same without blanks between the words: `user @ host . example`
        self.comment: bytes | None = None
        self.angle: bytearray | None = None  # inside of <>
        self.angle_open = False

    def parse(self) -> list[RawAddress]:
        line, position, end = self.line, 0, 0
        for _ in range(MAX_ADDRESS_TOKENS):
            match = _TOKEN.search(line, position)
            if match is None or len(self.found) >= MAX_ADDRESSES:
                break
            spaced = match.start() > end
            position = end = match.end()
            special = match[4]
            if special == b"(":
                position = end = self._read_comment(position)
            elif special is None or special == b"@" or special == b"]":
                self._add(match, spaced)
            else:
                self._separator(special)
        self._finish()
        if self.in_group:
            self.found.append(GROUP_END)
        return self.found

    def _add(self, match: re.Match[bytes], spaced: bool) -> None:
        text = match[0] if match[1] is None else _ESCAPED.sub(rb"\1", match[1])
        if self.angle is not None and self.angle_open:
            self.angle += text
            return
        if spaced and self.phrase:
            self.phrase += b" "
        self.phrase += text
        self.spec += text

    def _separator(self, special: bytes) -> None:
        if special == b"<":
            self.angle, self.angle_open = bytearray(), True
        elif special == b">":
            self.angle_open = False
        elif self.angle is not None and self.angle_open and special in b":,":
            self.angle += special  # <@relay.example,@other.example:user@host> (RFC 5322 4.4)
            if special == b"," and not self.angle.startswith(b"@"):
                del self.angle[-1:]  # <user@host, next@host: the bracket was never closed
                self._finish()
        elif special == b":" and not self.in_group:
            self.found.append(RawAddress(None, None, bytes(self.phrase), None))
            self.in_group = True
            self._reset()
        else:
            self._finish()
            if special == b";" and self.in_group:
                self.found.append(GROUP_END)
                self.in_group = False

    def _read_comment(self, position: int) -> int:
        """Read past a comment (they nest); the last one names a bare address: `user@host (Name)`."""
        depth, start = 1, position
        while depth and (match := _COMMENT.search(self.line, position)):
            position = match.end()
            if match[0] == b"\\":
                position += 1
            else:
                depth += 1 if match[0] == b"(" else -1
        if depth:
            position = len(self.line) + 1
        self.comment = self.line[start : position - 1].strip()
        return min(position, len(self.line))

    def _finish(self) -> None:
        phrase, spec, comment, angle = bytes(self.phrase), bytes(self.spec), self.comment, self.angle
        self._reset()
        if angle is not None:
            self.found.append(_address(phrase or comment, bytes(angle)))
        elif b"@" in spec:
            self.found.append(_address(comment, spec))
        elif phrase:
            lone = b" " not in phrase
            self.found.append(RawAddress(comment if lone else phrase, None, phrase if lone else b"", b""))


def _address(name: bytes | None, spec: bytes) -> RawAddress:
    route = None
    if spec.startswith(b"@") and b":" in spec:
        route, _, spec = spec.partition(b":")
    mailbox, _, host = spec.rpartition(b"@") if b"@" in spec else (spec, b"", b"")
    return RawAddress(name or None, route, mailbox, host)
