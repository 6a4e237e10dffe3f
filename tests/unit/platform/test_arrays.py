"""Arrays packed by hand arrive in Postgres as what they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

from merpati.platform import arrays
from merpati.platform.db import Database

MOMENT = datetime(2026, 11, 24, 9, 30, 1, 2, tzinfo=timezone(timedelta(hours=7)))


@pytest.mark.parametrize(
    ("kind", "make", "values"),
    [
        ("text", arrays.texts, ["a", "", None, "é \U0001f54a", '{"},NULL\\']),
        ("bytea", arrays.byteas, [b"", b"\0\xff"]),
        ("bigint", arrays.bigints, [0, -1, 2**62]),
        ("bigint", arrays.bigints, [None, 5]),
        ("integer", arrays.integers, [1, -(2**31)]),
        ("smallint", arrays.smallints, [1, -(2**15)]),
        ("boolean", arrays.booleans, [True, False]),
        ("timestamptz", arrays.timestamps, [MOMENT, None, datetime(1, 1, 1, tzinfo=UTC)]),
        ("text", arrays.texts, ["only"]),
        ("text", arrays.texts, [None]),
        ("text", arrays.texts, []),
        ("bigint", arrays.bigints, []),
    ],
)
async def test_round_trip(
    database: Callable[[str], Awaitable[Database]],
    kind: str,
    make: Callable[[Any], arrays.Packed],
    values: list[Any],
) -> None:
    db = await database("smtp")
    async with db.connection() as conn:
        cursor = await conn.execute(
            f"SELECT item FROM unnest(%s::{kind}[]) AS item", (make(values),), binary=True
        )
        assert [item for (item,) in await cursor.fetchall()] == values


async def test_the_cast_is_checked(database: Callable[[str], Awaitable[Database]]) -> None:
    db = await database("smtp")
    with pytest.raises(psycopg.errors.DatatypeMismatch):
        async with db.connection() as conn:
            await conn.execute("SELECT %s::bigint[]", (arrays.integers([1]),))
