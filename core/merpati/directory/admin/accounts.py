"""Accounts: made, listed, changed, deleted; an id is never used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.directory.address import split_address
from merpati.directory.admin import addresses
from merpati.directory.admin.updates import require_postmaster, update_row
from merpati.platform.db import Connection
from merpati.platform.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """A person or device that can log in, with its own switches (a domain's switch counts beside them)."""

    id: int
    address: str
    domain: str | None
    display_name: str
    role: str
    has_mailbox: bool
    quota: int | None
    login_enabled: bool
    receive_enabled: bool
    language: str
    auth_version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made; `domain` None is for an administrator of no domain."""

    address: str
    display_name: str = ""
    role: str = "user"
    has_mailbox: bool = True
    quota: int | None = None
    language: str = "en"


_SELECT = """
SELECT c.id, c.address, d.name, c.display_name, c.role, c.has_mailbox, c.quota, c.login_enabled,
       c.receive_enabled, c.language, c.auth_version, c.created_at, c.updated_at
FROM directory.accounts c LEFT JOIN directory.domains d ON d.id = c.domain_id
WHERE c.deleted_at IS NULL
"""
_BY_ADDRESS = f"{_SELECT} AND c.address = %s"
_BY_ID = f"{_SELECT} AND c.id = %s"
_PAGE = f"""{_SELECT} AND c.address > %(after)s
AND (%(domain)s::text IS NULL OR d.name = %(domain)s)
AND (strpos(c.address, lower(%(search)s)) > 0 OR strpos(lower(c.display_name), lower(%(search)s)) > 0)
ORDER BY c.address LIMIT %(limit)s
"""
_CREATE = """
INSERT INTO directory.accounts (domain_id, address, display_name, role, has_mailbox, quota, language)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (address) WHERE deleted_at IS NULL DO NOTHING RETURNING id
"""
# Without its domain the row holds no domain back from being deleted; the id stays taken until its mail is purged.
_DELETE = """
UPDATE directory.accounts
SET deleted_at = now(), updated_at = now(), auth_version = auth_version + 1, domain_id = NULL,
    login_enabled = false, receive_enabled = false
WHERE id = %s
"""
_CHANGEABLE = frozenset({"display_name", "role", "quota", "login_enabled", "receive_enabled", "language"})
# A change of these ends the account's sessions: they look at auth_version.
_ENDS_SESSIONS = frozenset({"role", "login_enabled"})


async def get(conn: Connection, address: str) -> AccountRecord:
    """The account whose login name is `address` (folded). Raises `NotFound`."""
    row = await (await conn.execute(_BY_ADDRESS, (address,))).fetchone()
    if row is None:
        raise NotFound(f"there is no account {address}")
    return AccountRecord(*row)


async def get_by_id(conn: Connection, account_id: int) -> AccountRecord:
    """The account `account_id`. Raises `NotFound`."""
    row = await (await conn.execute(_BY_ID, (account_id,))).fetchone()
    if row is None:
        raise NotFound("the account no longer exists")
    return AccountRecord(*row)


async def page(
    conn: Connection, *, after: str, limit: int, domain: str | None = None, search: str = ""
) -> list[AccountRecord]:
    """Accounts in the order of their addresses, from behind `after`."""
    values = {"after": after, "limit": limit, "domain": domain, "search": search}
    rows = await (await conn.execute(_PAGE, values)).fetchall()
    return [AccountRecord(*row) for row in rows]


async def create(conn: Connection, new: NewAccount, *, domainless: bool = False) -> AccountRecord:
    """Make an account and its own address. Raises `Conflict`, or `Invalid` where the domain is not ours.

    `domainless` is for the first administrator of a server that serves no domain yet.
    """
    domain_id = None if domainless else await addresses.domain_id(conn, new.address)
    if domainless and new.has_mailbox:
        raise Invalid("an account with a mailbox needs a domain", field="address")
    values = (
        domain_id,
        new.address,
        new.display_name,
        new.role,
        new.has_mailbox,
        new.quota,
        new.language,
    )
    row = await (await conn.execute(_CREATE, values)).fetchone()
    if row is None:
        raise Conflict(f"the account {new.address} exists already", kind="account", name=new.address)
    if domain_id is not None:
        await addresses.insert(conn, domain_id, split_address(new.address)[0], account_id=row[0])
    return await get_by_id(conn, row[0])


async def change(conn: Connection, address: str, changes: Mapping[str, Any]) -> AccountRecord:
    """Set some of its columns. Raises `Conflict` where no postmaster would remain."""
    before = await get(conn, address)
    await update_row(conn, "accounts", before.id, changes, _CHANGEABLE)
    if any(name in changes and changes[name] != getattr(before, name) for name in _ENDS_SESSIONS):
        await end_sessions(conn, before.id)
        await require_postmaster(conn)
    return await get_by_id(conn, before.id)


async def end_sessions(conn: Connection, account_id: int) -> int:
    """Raise `auth_version`, so that sessions, verdicts and tokens of the old one end; returns the new one."""
    cursor = await conn.execute(
        "UPDATE directory.accounts SET auth_version = auth_version + 1, updated_at = now()"
        " WHERE id = %s RETURNING auth_version",
        (account_id,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("the account no longer exists")
    return int(row[0])


async def delete(conn: Connection, address: str) -> AccountRecord:
    """Delete an account and its addresses; its mail stays under the old id until the worker purges it.

    Raises `Conflict` where an alias would lead nowhere, or no postmaster would remain.
    """
    record = await get(conn, address)
    await addresses.delete_account(conn, record.id)
    await conn.execute(_DELETE, (record.id,))
    await require_postmaster(conn)
    return record
