"""Addresses: an account's own names, and aliases with their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.directory.address import split_address
from merpati.platform.db import Connection
from merpati.platform.errors import Conflict, Invalid, NotFound

MAX_TARGETS = 1_000  # of one alias


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """An address here: `account` tells whose own it is, `targets` where an alias leads."""

    id: int
    address: str
    kind: str
    account: str | None
    targets: tuple[str, ...]
    created_at: datetime


_SELECT = """
SELECT a.id, a.local_part || '@' || d.name, a.kind, c.address,
       ARRAY(SELECT t.target FROM directory.alias_targets t WHERE t.address_id = a.id ORDER BY t.target),
       a.created_at
FROM directory.addresses a
JOIN directory.domains d ON d.id = a.domain_id
LEFT JOIN directory.accounts c ON c.id = a.account_id
"""
_BY_ADDRESS = f"{_SELECT} WHERE d.name = %s AND a.local_part = %s"
_PAGE = f"""{_SELECT}
WHERE (d.name, a.local_part) > (%(domain_after)s, %(local_after)s)
  AND (%(domain)s::text IS NULL OR d.name = %(domain)s)
  AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
  AND (%(account)s::text IS NULL OR c.address = %(account)s)
ORDER BY d.name, a.local_part LIMIT %(limit)s
"""
_INSERT = """
INSERT INTO directory.addresses (domain_id, local_part, kind, account_id) VALUES (%s, %s, %s, %s)
ON CONFLICT (domain_id, local_part) DO NOTHING RETURNING id
"""
# Aliases whose every target is an address of this account.
_ONLY_FOR = """
SELECT a.local_part || '@' || d.name
FROM directory.addresses a JOIN directory.domains d ON d.id = a.domain_id
WHERE a.id IN (SELECT t.address_id FROM directory.alias_targets t WHERE t.target = ANY(%(own)s))
  AND NOT EXISTS (SELECT FROM directory.alias_targets t WHERE t.address_id = a.id AND t.target <> ALL(%(own)s))
ORDER BY 1 LIMIT 1
"""
_OWN = """
SELECT a.local_part || '@' || d.name
FROM directory.addresses a JOIN directory.domains d ON d.id = a.domain_id WHERE a.account_id = %s
"""


async def get(conn: Connection, address: str) -> AddressRecord:
    """The address (folded). Raises `NotFound`."""
    local, domain = split_address(address)
    row = await (await conn.execute(_BY_ADDRESS, (domain, local))).fetchone()
    if row is None:
        raise NotFound(f"there is no address {address}")
    return _record(row)


async def page(
    conn: Connection,
    *,
    after: str,
    limit: int,
    domain: str | None = None,
    kind: str | None = None,
    account: str | None = None,
) -> list[AddressRecord]:
    """Addresses by domain and local part, from behind the address `after`."""
    local_after, _, domain_after = after.rpartition("@")
    values = {
        "domain_after": domain_after,
        "local_after": local_after,
        "domain": domain,
        "kind": kind,
        "account": account,
        "limit": limit,
    }
    rows = await (await conn.execute(_PAGE, values)).fetchall()
    return [_record(row) for row in rows]


async def domain_id(conn: Connection, address: str) -> int:
    """The id of the address's domain, held until the transaction ends. Raises `Invalid` where it is not ours."""
    domain = split_address(address)[1]
    cursor = await conn.execute("SELECT id FROM directory.domains WHERE name = %s FOR SHARE", (domain,))
    row = await cursor.fetchone()
    if row is None:
        raise Invalid(f"{domain} is no domain of this server: make it first", field="address")
    return int(row[0])


async def insert(conn: Connection, domain_id: int, local_part: str, *, account_id: int | None = None) -> int:
    """Take the name for an account, or without one for an alias. Raises `Conflict` naming who has it."""
    kind = "alias" if account_id is None else "account"
    row = await (await conn.execute(_INSERT, (domain_id, local_part, kind, account_id))).fetchone()
    if row is None:
        cursor = await conn.execute(
            f"{_SELECT} WHERE d.id = %s AND a.local_part = %s", (domain_id, local_part)
        )
        taken = await cursor.fetchone()
        if taken is None:
            raise Conflict("the address was taken and given back at this moment: try again")
        record = _record(taken)
        who = "an alias" if record.kind == "alias" else f"an address of the account {record.account}"
        raise Conflict(f"{record.address} is {who}", kind="address", name=record.address)
    return int(row[0])


async def create_alias(conn: Connection, address: str, targets: Sequence[str]) -> AddressRecord:
    """Make an alias that leads to `targets` (folded)."""
    address_id = await insert(conn, await domain_id(conn, address), split_address(address)[0])
    await _set_targets(conn, address_id, address, targets)
    return await get(conn, address)


async def create_own(conn: Connection, address: str, account_id: int) -> AddressRecord:
    """Give an account a further address of its own."""
    await insert(conn, await domain_id(conn, address), split_address(address)[0], account_id=account_id)
    return await get(conn, address)


async def change_targets(conn: Connection, address: str, targets: Sequence[str]) -> AddressRecord:
    """Lead an alias elsewhere. Raises `Conflict` where the address is an account's."""
    record = await get(conn, address)
    if record.kind != "alias":
        raise Conflict(
            f"{address} is an address of the account {record.account}, not an alias",
            kind="account",
            name=record.account or "",
        )
    await _set_targets(conn, record.id, address, targets)
    return await get(conn, address)


async def delete(conn: Connection, address: str) -> AddressRecord:
    """Delete an alias, or a further address of an account. Raises `Conflict` for a login name."""
    record = await get(conn, address)
    if record.account == address:
        raise Conflict(
            f"{address} is the login name of an account: delete the account", kind="account", name=address
        )
    if record.kind == "account":
        await _release(conn, [address])
    await conn.execute("DELETE FROM directory.addresses WHERE id = %s", (record.id,))
    return record


async def delete_account(conn: Connection, account_id: int) -> None:
    """Delete every address of an account, and take them out of the aliases. Raises `Conflict`."""
    rows = await (await conn.execute(_OWN, (account_id,))).fetchall()
    await _release(conn, [address for (address,) in rows])
    await conn.execute("DELETE FROM directory.addresses WHERE account_id = %s", (account_id,))


async def _release(conn: Connection, own: list[str]) -> None:
    """Take addresses that end out of all aliases: whoever gets them next must not inherit that mail."""
    row = await (await conn.execute(_ONLY_FOR, {"own": own})).fetchone()
    if row is not None:
        raise Conflict(
            f"the alias {row[0]} leads nowhere else: change or delete it first", kind="address", name=row[0]
        )
    await conn.execute("DELETE FROM directory.alias_targets WHERE target = ANY(%s)", (own,))


async def _set_targets(conn: Connection, address_id: int, address: str, targets: Sequence[str]) -> None:
    wanted = list(dict.fromkeys(targets))
    if not wanted or len(wanted) > MAX_TARGETS:
        raise Invalid(f"an alias has between 1 and {MAX_TARGETS} targets", field="targets")
    if wanted == [address]:
        raise Invalid("an alias cannot lead to itself alone", field="targets")
    await conn.execute("DELETE FROM directory.alias_targets WHERE address_id = %s", (address_id,))
    await conn.execute(
        "INSERT INTO directory.alias_targets SELECT %s, unnest(%s::text[])", (address_id, wanted)
    )


def _record(row: tuple[Any, ...]) -> AddressRecord:
    address_id, address, kind, account, targets, created_at = row
    return AddressRecord(address_id, address, kind, account, tuple(targets), created_at)
