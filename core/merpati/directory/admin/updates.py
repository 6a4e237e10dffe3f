"""What the writers share: an UPDATE of a few named columns, and the rule that a postmaster remains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from merpati.platform.db import Connection
from merpati.platform.errors import Conflict

_POSTMASTER_LOCK = 7_236_012  # any constant: changes that may take the last postmaster away take turns

_REMAINS = """
SELECT EXISTS (
    SELECT FROM directory.accounts c LEFT JOIN directory.domains d ON d.id = c.domain_id
    WHERE c.role = 'postmaster' AND c.login_enabled AND c.deleted_at IS NULL AND coalesce(d.enabled, true))
"""


async def has_postmaster(conn: Connection) -> bool:
    """Whether a postmaster can log in."""
    row = await (await conn.execute(_REMAINS)).fetchone()
    return bool(row and row[0])


async def update_row(
    conn: Connection, table: str, row_id: int, changes: Mapping[str, Any], allowed: frozenset[str]
) -> None:
    """Set the given columns of one row of a directory table, and its `updated_at`."""
    if unknown := changes.keys() - allowed:
        raise ValueError(f"not changeable: {', '.join(sorted(unknown))}")
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in changes.items()]
    statement = sql.SQL("UPDATE directory.{} SET {} WHERE id = {}").format(
        sql.Identifier(table), sql.SQL(", ").join([*assignments, sql.SQL("updated_at = now()")]), row_id
    )
    await conn.execute(statement)


async def require_postmaster(conn: Connection) -> None:
    """Raise `Conflict` where, after this transaction's changes, no postmaster could log in."""
    await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_POSTMASTER_LOCK,))
    if not await has_postmaster(conn):
        raise Conflict("this is the last postmaster who can log in: make another one first")
