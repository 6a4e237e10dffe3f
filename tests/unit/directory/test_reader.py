"""`Directory` on a real Postgres, under the roles of the services."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from merpati.directory import Directory, LocalTarget
from merpati.platform.db import Database
from merpati.platform.events import DIRECTORY, Bell
from merpati.platform.settings import Settings

Databases = Callable[..., Awaitable[Database]]


@pytest.fixture(scope="module")
def people() -> dict[str, int]:
    return {}


@pytest.fixture
async def auth(database: Databases, people: dict[str, int]) -> Database:
    """The writing role's database, with a.example, its people and its aliases made once."""
    db = await database("auth")
    if people:
        return db
    async with db.transaction() as conn:
        await conn.execute("INSERT INTO directory.domains (name) VALUES ('a.example')")
        for name, role in (("boss", "postmaster"), ("tito", "user"), ("iqbal", "user")):
            cursor = await conn.execute(
                "INSERT INTO directory.accounts (domain_id, address, role)"
                " SELECT id, %s, %s FROM directory.domains RETURNING id",
                (f"{name}@a.example", role),
            )
            people[name] = (await cursor.fetchone() or (0,))[0]
            await conn.execute(
                "INSERT INTO directory.addresses (domain_id, local_part, kind, account_id)"
                " SELECT id, %s, 'account', %s FROM directory.domains",
                (name, people[name]),
            )
        cursor = await conn.execute(
            "INSERT INTO directory.addresses (domain_id, local_part, kind)"
            " SELECT id, 'sales', 'alias' FROM directory.domains RETURNING id"
        )
        alias = (await cursor.fetchone() or (0,))[0]
        for target in ("tito@a.example", "x@elsewhere.example"):
            await conn.execute("INSERT INTO directory.alias_targets VALUES (%s, %s)", (alias, target))
    return db


async def test_reads(auth: Database, database: Databases, settings: Settings, people: dict[str, int]) -> None:
    directory = Directory(await database("smtp"), settings)
    assert (await directory.resolve("Tito+x@a.example")).locals == (
        LocalTarget(people["tito"], "tito@a.example"),
    )
    sales = await directory.resolve("sales@a.example")
    assert [target.account_id for target in sales.locals] == [people["tito"]]
    assert sales.remotes == ("x@elsewhere.example",)
    assert (await directory.resolve("abuse@a.example")).locals[0].account_id == people["boss"]
    assert await directory.is_local_domain("A.example")
    assert not await directory.is_local_domain("b.example")
    assert not await directory.is_local_domain("no domain")
    account = await directory.account_by_address("TITO@a.example")
    assert account is not None and account.login_enabled and account.role == "user"
    assert await directory.account(account.id) == account
    assert await directory.account(10**12) is None


async def test_senders(
    auth: Database, database: Databases, settings: Settings, people: dict[str, int]
) -> None:
    directory = Directory(await database("smtp"), settings)
    tito, boss = people["tito"], people["boss"]
    for address in ("tito@a.example", "TITO+list@A.example", "sales@a.example"):
        assert await directory.may_send_as(tito, address), address
        assert not await directory.may_send_as(people["iqbal"], address), address
    assert await directory.may_send_as(boss, "postmaster@a.example")
    for address in ("postmaster@a.example", "x@elsewhere.example", "", "nobody@a.example"):
        assert not await directory.may_send_as(tito, address), address


async def test_the_browser_facing_role_sees_one_account(
    auth: Database, database: Databases, settings: Settings, people: dict[str, int]
) -> None:
    db = await database("webmail")
    directory = Directory(db, settings, scoped=True)
    assert await directory.may_send_as(people["tito"], "sales@a.example")
    account = await directory.account(people["tito"])
    assert account is not None and account.address == "tito@a.example"
    async with db.transaction(people["iqbal"]) as conn:
        cursor = await conn.execute("SELECT directory.sender_addresses(%s)", (people["tito"],))
        assert await cursor.fetchall() == []


async def test_the_bell_drops_what_was_read(
    auth: Database, database: Databases, settings: Settings, bell: Bell
) -> None:
    directory = Directory(await database("imap"), settings, bell)
    assert not await directory.is_local_domain("new.example")
    async with auth.transaction() as conn:
        await conn.execute("INSERT INTO directory.domains (name) VALUES ('new.example')")
    bell.ring(DIRECTORY)
    assert await directory.is_local_domain("new.example")
