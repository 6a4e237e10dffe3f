"""Values as they go to the client: strings, literals, flags, dates (RFC 9051 9)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from merpati_imap_pop.imap.wire import mutf7
from merpati_imap_pop.imap.wire.cursor import MONTHS

_ATOM = re.compile(rb"[^(){ %*\"\\\]\x00-\x1f\x7f-\xff]+\Z")
_QUOTABLE = re.compile(rb"[^\r\n\x00\x80-\xff]{0,1000}\Z")


def literal(data: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(data), data)


def string(data: bytes) -> bytes:
    """A quoted string where the grammar allows one, else a literal (8-bit, line ends, long)."""
    if _QUOTABLE.match(data):
        return b'"%b"' % data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return literal(data)


def nstring(data: bytes | None) -> bytes:
    return b"NIL" if data is None else string(data)


def astring(data: bytes) -> bytes:
    return data if _ATOM.match(data) and data.upper() != b"NIL" else string(data)


def mailbox(name: str) -> bytes:
    """A mailbox name: always a string, so that no client has to know the fine print of atoms."""
    return string(mutf7.encode(name))


def parenthesised(items: Iterable[bytes]) -> bytes:
    return b"(%b)" % b" ".join(items)


def date_time(moment: datetime, offset_minutes: int) -> bytes:
    """INTERNALDATE: `moment` (any zone) as it was in the zone `offset_minutes` east."""
    local = moment + timedelta(minutes=offset_minutes) - (moment.utcoffset() or timedelta(0))
    sign, minutes = (b"-", -offset_minutes) if offset_minutes < 0 else (b"+", offset_minutes)
    return b'"%2d-%b-%04d %02d:%02d:%02d %b%02d%02d"' % (
        local.day,
        MONTHS[local.month - 1],
        local.year,
        local.hour,
        local.minute,
        local.second,
        sign,
        *divmod(minutes, 60),
    )
