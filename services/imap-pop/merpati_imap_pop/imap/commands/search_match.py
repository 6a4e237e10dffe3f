"""SEARCH's second step: keys that need a message's row or its text, one message at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from merpati.message import LISTED, decode_header, headers, written_date
from merpati.search import Words, fold
from merpati_imap_pop.imap.wire.search_keys import (
    AllOf,
    AnyOf,
    Dated,
    InHeader,
    InText,
    Key,
    Not,
    Sized,
)

COLUMNS: Final = ("uid", "size", "received_at", "received_offset", "headers", "dir", "base", "mirrored")

_folded = lru_cache(maxsize=1024)(fold)


@dataclass(slots=True)
class Candidate:
    """A message as far as it has been read; `content` None: not yet."""

    index: int
    size: int
    received_at: datetime
    received_offset: int
    headers: bytes
    content: bytes | None = None
    _words: Words | None = None

    @property
    def words(self) -> Words:
        if self._words is None:
            self._words = Words(self.content or b"")
        return self._words


Known = Mapping[Key, bytes]
"""What the first step decided, an octet a message."""


def matches(key: Key, message: Candidate, known: Known) -> bool | None:
    """Whether the message fits; None: its content has to be read first (Kleene's three-valued logic)."""
    if isinstance(key, Not):
        inner = matches(key.key, message, known)
        return None if inner is None else not inner
    if isinstance(key, AllOf):
        return _all(key.keys, message, known)
    if isinstance(key, AnyOf):
        inverse = _all(tuple(map(Not, key.keys)), message, known)
        return None if inverse is None else not inverse
    if isinstance(key, Dated):
        return _dated(key, message)
    if isinstance(key, Sized):
        return message.size > key.size if key.larger else message.size < key.size
    if isinstance(key, InHeader):
        return _in_header(key, message)
    if isinstance(key, InText):
        if message.content is None:
            return None
        return message.words.contain(_folded(key.text), headers_too=key.header)
    return known[key][message.index] == 1


def _all(keys: tuple[Key, ...], message: Candidate, known: Known) -> bool | None:
    unknown = False
    for key in keys:
        result = matches(key, message, known)
        if result is False:
            return False
        unknown = unknown or result is None
    return None if unknown else True


def _dated(key: Dated, message: Candidate) -> bool:
    day = _sent_day(message) if key.sent else _internal_day(message)
    if day is None:
        return False
    if key.comparison == "ON":
        return day == key.day
    return day < key.day if key.comparison == "BEFORE" else day >= key.day


def _internal_day(message: Candidate) -> date:
    utc = message.received_at - (message.received_at.utcoffset() or timedelta(0))
    return (utc + timedelta(minutes=message.received_offset)).date()


def _sent_day(message: Candidate) -> date | None:
    for name, value in headers(message.headers, 0, len(message.headers)):
        if name.lower() == b"date":
            return written_date(value)
    return None


def _in_header(key: InHeader, message: Candidate) -> bool | None:
    block, text = message.headers, _folded(key.text)
    if key.name not in LISTED:
        if message.content is None:
            return None
        block = message.content
    elif text.isascii() and " " not in text and _cannot_hold(block, text.encode()):
        return False
    end = None if block is message.content else len(block)
    return any(
        name.lower() == key.name and text in fold(decode_header(value))
        for name, value in headers(block, 0, end)
    )


def _cannot_hold(block: bytes, word: bytes) -> bool:
    """A plain word that is nowhere in header lines without encoded words needs no closer look."""
    return block.isascii() and b"=?" not in block and word not in block.lower()
