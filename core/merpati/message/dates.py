"""The Date field -> an instant in UTC, for sorting."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_MONTHS = {
    name: number
    for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
# RFC 5322 3.3 and 4.3: seconds, four-digit years and numeric zones are all missing somewhere.
_RFC = re.compile(
    rb"(\d{1,2})[ \t-]+([A-Za-z]{3})[a-z]*[ \t-]+(\d{2,4})[ \t]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?"
    rb"[ \t]*([+-]\d{4}|[A-Za-z]{1,5})?"
)
# asctime: Thu Nov 24 08:06:45 2026
_ASCTIME = re.compile(rb"([A-Za-z]{3})[ \t]+(\d{1,2})[ \t]+(\d{1,2}):(\d{2}):(\d{2})[ \t]+(\d{4})")
_ZONES = {b"EST": -5, b"EDT": -4, b"CST": -6, b"CDT": -5, b"MST": -7, b"MDT": -6, b"PST": -8, b"PDT": -7}


def parse_date(raw: bytes) -> datetime | None:
    """The instant, or None where the field holds none."""
    written = _written(raw)
    if written is None:
        return None
    try:
        return written[0] - _offset(written[1])
    except OverflowError:
        return None


def written_date(raw: bytes) -> date | None:
    """The day as it is written, in the sender's own zone (what IMAP's SENTON compares)."""
    written = _written(raw)
    return None if written is None else written[0].date()


def _written(raw: bytes) -> tuple[datetime, bytes | None] | None:
    """Date and time as written, and the zone."""
    head = raw[:200]
    if match := _RFC.search(head):
        day, month, year, hour, minute, second, zone = match.groups()
    elif match := _ASCTIME.search(head):
        month, day, hour, minute, second, year = match.groups()
        zone = None
    else:
        return None
    try:
        local = datetime(
            _year(year),
            _MONTHS[month.lower()],
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),  # a leap second is second 60
            tzinfo=UTC,
        )
    except (KeyError, ValueError):
        return None
    return local, zone


def _year(digits: bytes) -> int:
    """Two and three digits count as RFC 5322 4.3 says."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _offset(zone: bytes | None) -> timedelta:
    """East of Greenwich; unknown letters are zero (RFC 5322 4.3)."""
    if not zone:
        return timedelta(0)
    if zone[:1] not in b"+-":
        return timedelta(hours=_ZONES.get(zone.upper(), 0))
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    return timedelta(minutes=-minutes if zone[:1] == b"-" else minutes)
