"""IMAP's replies: response codes (RFC 5530) and the one map from core's errors to them."""

from __future__ import annotations

from dataclasses import dataclass

from merpati.platform.errors import (
    BadCredentials,
    Conflict,
    Denied,
    Invalid,
    MerpatiError,
    NotFound,
    OverQuota,
    Throttled,
    Unavailable,
)
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.search_keys import CHARSETS, BadCharset


@dataclass(frozen=True, slots=True)
class Reply:
    """A tagged reply without its tag."""

    condition: bytes
    text: str
    code: bytes = b""

    def line(self, tag: bytes) -> bytes:
        code = b"[%b] " % self.code if self.code else b""
        return b"%b %b %b%b\r\n" % (tag, self.condition, code, printable(self.text))


class No(Exception):
    """A handler's refusal: becomes a tagged NO."""

    def __init__(self, text: str, code: bytes = b"") -> None:
        super().__init__(text)
        self.reply = Reply(b"NO", text, code)


class Bad(Exception):
    """The command cannot be understood here: becomes a tagged BAD."""

    def __init__(self, text: str, code: bytes = b"") -> None:
        super().__init__(text)
        self.reply = Reply(b"BAD", text, code)


def ok(text: str, code: bytes = b"") -> Reply:
    return Reply(b"OK", text, code)


# The first class that fits is used, so subclasses stand before their parents.
_CODES: tuple[tuple[type[MerpatiError], bytes], ...] = (
    (BadCredentials, b"AUTHENTICATIONFAILED"),
    (Throttled, b"UNAVAILABLE"),
    (Unavailable, b"UNAVAILABLE"),
    (OverQuota, b"OVERQUOTA"),
    (NotFound, b"NONEXISTENT"),
    (Conflict, b"ALREADYEXISTS"),
    (Denied, b"NOPERM"),
    (Invalid, b"CANNOT"),
)
# What a failure inside says to strangers; the log has the rest.
_DULL = {
    BadCredentials: "Invalid credentials",
    Unavailable: "Temporary failure, try again later",
}


def from_error(error: Exception) -> Reply:
    """The reply to a command that failed with `error`."""
    if isinstance(error, No | Bad):
        return error.reply
    if isinstance(error, BadCharset):
        names = b" ".join(name.encode() for name in sorted(CHARSETS))
        return Reply(b"NO", str(error), b"BADCHARSET (%b)" % names)
    if isinstance(error, WireError):
        return Reply(b"BAD", str(error))
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Reply(b"NO", _DULL.get(kind, str(error)), code)
    return Reply(b"NO", "Internal error", b"SERVERBUG")


def printable(text: str) -> bytes:
    """`text` as resp-text: ASCII, one line, bounded; what a client sent may be echoed in it."""
    clean = "".join(char if " " <= char <= "~" else "?" for char in text[:500])
    return (clean.lstrip("[") or "Failed").encode("ascii")
