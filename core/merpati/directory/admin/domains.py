"""Domains: made, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.directory.admin.updates import update_row
from merpati.platform.db import Connection
from merpati.platform.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """A domain whose mail ends here, with how much stands in it."""

    id: int
    name: str
    contact: str | None
    enabled: bool
    created_at: datetime
    updated_at: datetime
    accounts: int
    aliases: int


_SELECT = """
SELECT d.id, d.name, d.contact, d.enabled, d.created_at, d.updated_at,
       (SELECT count(*) FROM directory.accounts c WHERE c.domain_id = d.id AND c.deleted_at IS NULL),
       (SELECT count(*) FROM directory.addresses a WHERE a.domain_id = d.id AND a.kind = 'alias')
FROM directory.domains d
"""
_BY_NAME = f"{_SELECT} WHERE d.name = %s"
_PAGE = f"{_SELECT} WHERE d.name > %s AND strpos(d.name, %s) > 0 ORDER BY d.name LIMIT %s"
_CREATE = """
INSERT INTO directory.domains (name, contact) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING RETURNING id
"""
_CHANGEABLE = frozenset({"contact", "enabled"})


async def get(conn: Connection, name: str) -> DomainRecord:
    """The domain `name` (folded). Raises `NotFound`."""
    row = await (await conn.execute(_BY_NAME, (name,))).fetchone()
    if row is None:
        raise NotFound(f"{name} is no domain of this server")
    return DomainRecord(*row)


async def page(conn: Connection, *, after: str, limit: int, search: str = "") -> list[DomainRecord]:
    """Domains in the order of their names, from behind `after`."""
    rows = await (await conn.execute(_PAGE, (after, search, limit))).fetchall()
    return [DomainRecord(*row) for row in rows]


async def create(conn: Connection, name: str, contact: str | None = None) -> DomainRecord:
    """Make the domain `name` (folded). Raises `Conflict`."""
    if await (await conn.execute(_CREATE, (name, contact))).fetchone() is None:
        raise Conflict(f"the domain {name} exists already", kind="domain", name=name)
    return await get(conn, name)


async def change(conn: Connection, name: str, changes: Mapping[str, Any]) -> tuple[DomainRecord, list[int]]:
    """Set `contact` or `enabled`; returns the domain and the accounts whose sessions must look again."""
    before = await get(conn, name)
    await update_row(conn, "domains", before.id, changes, _CHANGEABLE)
    touched: list[int] = []
    if changes.get("enabled", before.enabled) != before.enabled:
        cursor = await conn.execute(
            "UPDATE directory.accounts SET auth_version = auth_version + 1"
            " WHERE domain_id = %s AND deleted_at IS NULL RETURNING id",
            (before.id,),
        )
        touched = [account_id for (account_id,) in await cursor.fetchall()]
    return await get(conn, name), touched


async def delete(conn: Connection, name: str) -> None:
    """Delete an empty domain. Raises `Conflict` while accounts or aliases stand in it."""
    await conn.execute("SELECT FROM directory.domains WHERE name = %s FOR UPDATE", (name,))
    record = await get(conn, name)
    if record.accounts or record.aliases:
        raise Conflict(
            f"{name} still has {record.accounts} accounts and {record.aliases} aliases: delete them first",
            kind="domain",
            name=name,
        )
    await conn.execute("DELETE FROM directory.domains WHERE id = %s", (record.id,))
