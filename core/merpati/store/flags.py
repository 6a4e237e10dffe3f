"""System flags: the bit mask in rows, the letters in file names, the names in IMAP."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntFlag

from merpati.platform.errors import Invalid

MAX_KEYWORDS = 100  # in one command; a message keeps five times as many (store_functions.sql)
MAX_KEYWORD = 255


class Flag(IntFlag):
    """The system flags a message keeps (RFC 9051 2.3.2); \\Recent is a session's, not a message's."""

    ANSWERED = 1
    FLAGGED = 2
    DELETED = 4
    SEEN = 8
    DRAFT = 16


NO_FLAGS = Flag(0)

# Maildir's letters, in the ASCII order that file names must have.
_LETTERS = (
    ("D", Flag.DRAFT),
    ("F", Flag.FLAGGED),
    ("R", Flag.ANSWERED),
    ("S", Flag.SEEN),
    ("T", Flag.DELETED),
)
_SUFFIXES = tuple("".join(letter for letter, flag in _LETTERS if mask & flag) for mask in range(32))


def letters(flags: int) -> str:
    """The letters after `:2,` for `flags`."""
    return _SUFFIXES[flags]


def from_letters(text: str) -> Flag:
    """The flags that letters after `:2,` mean; letters of other programs (P, a-z) are passed over."""
    mask = NO_FLAGS
    for letter, flag in _LETTERS:
        if letter in text:
            mask |= flag
    return mask


def split_name(name: str) -> tuple[str, Flag]:
    """A file name's identity (what stands before `:2,`) and its flags."""
    base, _, info = name.partition(":2,")
    return base, from_letters(info)


def check_keywords(keywords: Collection[str]) -> None:
    """Raise `Invalid` for what is no keyword, or too many: atoms of ASCII (RFC 9051 2.3.2), kept in lists."""
    if len(keywords) > MAX_KEYWORDS:
        raise Invalid("too many keywords")
    for keyword in keywords:
        if not (
            0 < len(keyword) <= MAX_KEYWORD
            and keyword.isascii()
            and keyword.isprintable()
            and " " not in keyword
        ):
            raise Invalid("not a keyword")
