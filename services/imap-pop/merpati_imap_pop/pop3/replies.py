"""POP3's replies: status lines, response codes (RFC 2449 8, RFC 3206), and the map from core's errors."""

from __future__ import annotations

from merpati.platform.errors import BadCredentials, Denied, MerpatiError, NotFound, Throttled, Unavailable
from merpati_imap_pop.pop3.wire import WireError


class Refusal(Exception):
    """A handler's -ERR."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def ok(text: str = "") -> bytes:
    return b"+OK %b\r\n" % printable(text) if text else b"+OK\r\n"


def error(text: str, code: str = "") -> bytes:
    return (
        b"-ERR [%b] %b\r\n" % (code.encode(), printable(text)) if code else b"-ERR %b\r\n" % printable(text)
    )


# The first class that fits is used, so subclasses stand before their parents. A text of ours hides the
# error's own: it would tell strangers what only the log should say.
_CODES: tuple[tuple[type[MerpatiError], str, str], ...] = (
    (BadCredentials, "AUTH", "Authentication failed"),
    (Throttled, "SYS/TEMP", "Too many failed logins, try again later"),
    (Unavailable, "SYS/TEMP", "Temporary failure, try again later"),
    (Denied, "AUTH", ""),
    (NotFound, "", "No such message"),
)


def from_error(failure: Refusal | WireError | MerpatiError) -> bytes:
    """The reply to a command that failed."""
    if isinstance(failure, Refusal):
        return error(failure.text, failure.code)
    for kind, code, text in _CODES:
        if isinstance(failure, kind):
            return error(text or str(failure), code)
    return error(str(failure))


def printable(text: str) -> bytes:
    """One line of ASCII within the 512 octets of a reply (RFC 2449 4)."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:400]).encode()
