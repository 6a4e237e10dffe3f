"""Arrays for Postgres, packed by hand into its binary form: what statements for many rows take as parameters.

psycopg's own lists cost four times as much, because each looks for the type of its elements; here the caller
knows. The statement names the type with a cast (`%s::bigint[]`), and Postgres checks the elements against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct, pack

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import Dumper

_BOOL, _BYTEA, _INT8, _INT2, _INT4, _TEXT, _TIMESTAMPTZ = 16, 17, 20, 21, 23, 25, 1184  # pg_type.oid

_HEADER = Struct("!5i")  # dimensions, whether any is NULL, type of the elements, how many, first subscript
_LENGTH = Struct("!i")
_NULL = _LENGTH.pack(-1)
_ONE = {
    oid: _HEADER.pack(1, 0, oid, 1, 1) for oid in (_BOOL, _BYTEA, _INT8, _INT2, _INT4, _TEXT, _TIMESTAMPTZ)
}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Packed:
    """An array's octets."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        self.octets = octets


class _PackedDumper(Dumper):
    format = pq.Format.BINARY
    oid = 0  # the cast says what it is

    def dump(self, obj: Packed) -> Buffer | None:
        return obj.octets


psycopg.adapters.register_dumper(Packed, _PackedDumper)


def texts(values: Sequence[str | None]) -> Packed:
    """text[]; the values must be `storable`."""
    return _pack(_TEXT, [None if value is None else value.encode() for value in values])


def byteas(values: Sequence[bytes]) -> Packed:
    """bytea[]"""
    return _pack(_BYTEA, values)


def bigints(values: Sequence[int | None]) -> Packed:
    """bigint[]"""
    return _numbers(_INT8, 8, "q", values)


def integers(values: Sequence[int]) -> Packed:
    """integer[]"""
    return _numbers(_INT4, 4, "i", values)


def smallints(values: Sequence[int]) -> Packed:
    """smallint[]"""
    return _numbers(_INT2, 2, "h", values)


def booleans(values: Sequence[bool]) -> Packed:
    """boolean[]"""
    return _numbers(_BOOL, 1, "?", values)


def timestamps(values: Sequence[datetime | None]) -> Packed:
    """timestamptz[]; the values must be aware."""
    micros = [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]
    return _numbers(_TIMESTAMPTZ, 8, "q", micros)


def _numbers(oid: int, size: int, code: str, values: Sequence[int | None]) -> Packed:
    if None in values:
        return _pack(oid, [None if value is None else pack(f"!{code}", value) for value in values])
    count = len(values)
    if not count:
        return _pack(oid, ())
    fields: list[int] = [1, 0, oid, count, 1]
    for value in values:
        fields += (size, value)  # type: ignore[arg-type]
    return Packed(pack("!5i" + f"i{code}" * count, *fields))


def _pack(oid: int, values: Sequence[bytes | None]) -> Packed:
    if len(values) == 1 and (only := values[0]) is not None:  # the usual case: one message at a time
        return Packed(_ONE[oid] + _LENGTH.pack(len(only)) + only)
    if not values:
        return Packed(pack("!3i", 0, 0, oid))
    parts = [_HEADER.pack(1, None in values, oid, len(values), 1)]
    for value in values:
        parts.append(_NULL if value is None else _LENGTH.pack(len(value)) + value)
    return Packed(b"".join(parts))
