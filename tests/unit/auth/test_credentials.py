"""Credentials on a real Postgres: what is hashed, what is remembered, who waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from merpati.directory import Directory
from merpati.directory.admin import accounts as records
from merpati.directory.admin import domains
from merpati.directory.admin.accounts import NewAccount
from merpati.platform.db import Database
from merpati.platform.errors import BadCredentials, Invalid, Throttled, Unavailable
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati_auth import accounts, app_passwords
from merpati_auth.actor import SERVER
from merpati_auth.changes import Changes
from merpati_auth.credentials import Attempt, Credentials, set_hash
from merpati_auth.keys import Keys
from merpati_auth.passwords.pool import HashPool
from merpati_auth.throttle import WINDOW, Throttle

SARI, PASSWORD = "sari@klinik.example", "rahasia sekali"
# SHA512-CRYPT of "rahasia sekali" with 1,000 rounds, as doveadm pw would write it
OLD_HASH = (
    "$6$rounds=1000$pepper$"
    "AYpaeYFbgkAuIp25LkvsdHWto7tBSYELx2m8ybJ7MrkvDG987wCs/q6SBDeDvlF1CUvda33pGBV6BVbAIHP260"
)


class CountingPool(HashPool):
    """A pool that counts what it computes."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.verified = 0

    async def verify(self, stored: str | None, password: str) -> bool:
        self.verified += 1
        return await super().verify(stored, password)


class Office:
    """Credentials with a clock, over klinik.example and sari."""

    def __init__(self, db: Database, settings: Settings, bell: Bell) -> None:
        self.now = 1_000.0
        self.db, self.keys, self.pool = db, Keys(settings), CountingPool()
        throttle = Throttle(3, 8, lambda: self.now)
        directory = Directory(db, settings, bell)
        self.changes = Changes(db, bell)
        self.credentials = Credentials(db, directory, self.keys, throttle, self.pool, lambda: self.now)

    async def login(
        self, password: str, username: str = SARI, service: str = "imap", client: str = "192.0.2.1"
    ) -> int:
        return (await self.credentials.verify(Attempt(username, password, service, client))).account_id

    async def refused(
        self, password: str, username: str = SARI, service: str = "imap", client: str = "192.0.2.1"
    ) -> None:
        with pytest.raises(BadCredentials):
            await self.login(password, username, service, client)


@pytest.fixture
async def office(
    fresh_settings: Settings, database: Callable[..., Awaitable[Database]]
) -> AsyncIterator[Office]:
    bell = Bell(fresh_settings)
    office = Office(await database("auth", fresh_settings), fresh_settings, bell)
    async with office.changes.begin(SERVER) as change:
        await domains.create(change.conn, "klinik.example")
        password_hash = await office.credentials.hash(PASSWORD)
        await accounts.create(
            change, NewAccount("boss@klinik.example", role="postmaster", has_mailbox=False), password_hash
        )
        await accounts.create(change, NewAccount(SARI), password_hash)
    yield office
    office.pool.close()
    await bell.close()


async def test_right_and_wrong(office: Office) -> None:
    assert await office.login(PASSWORD)
    assert await office.login(PASSWORD, "SARI@Klinik.Example")
    await office.refused("wrong")
    await office.refused(PASSWORD, "nobody@klinik.example")
    await office.refused(PASSWORD, "no address at all")
    await office.refused("", "")


async def test_what_is_known_is_not_hashed_again(office: Office) -> None:
    for _ in range(3):
        await office.login(PASSWORD)
        await office.refused("wrong")
        await office.refused("wrong", "nobody@klinik.example")
    assert office.pool.verified == 3


async def test_unknown_names_cost_as_much_as_known_ones(office: Office) -> None:
    await office.refused("wrong", "nobody@klinik.example")
    assert office.pool.verified == 1


async def test_an_office_beside_a_guesser_is_not_locked_out(office: Office) -> None:
    await office.login(PASSWORD)
    for number in range(3):
        await office.refused(f"guess {number}")
    with pytest.raises(Throttled):
        await office.login("guess 4")
    await office.login(PASSWORD)
    with pytest.raises(Throttled):
        await office.login("guess 5")
    await office.refused("guess 6", client="203.0.113.1")
    office.now += WINDOW + 1
    await office.refused("guess 7")


async def test_what_nobody_could_look_at_does_not_count(office: Office) -> None:
    for number in range(10):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Unavailable):
            patch.setattr(office.pool, "verify", _away)
            await office.login(f"another {number}")
    await office.refused("wrong")


async def _away(*_: object) -> bool:
    raise Unavailable("away")


async def test_a_new_password_is_all_that_counts_from_then_on(office: Office) -> None:
    await office.login(PASSWORD)
    await office.refused("new password")
    async with office.changes.begin(SERVER) as change:
        await accounts.set_password(change, SARI, await office.credentials.hash("new password"))
    await office.refused(PASSWORD)
    await office.login("new password")


async def test_a_new_account_of_the_same_name_knows_no_old_password(office: Office) -> None:
    before = await office.login(PASSWORD)
    async with office.changes.begin(SERVER) as change:
        await accounts.delete(change, SARI)
    await office.refused(PASSWORD)
    async with office.changes.begin(SERVER) as change:
        await accounts.create(change, NewAccount(SARI), await office.credentials.hash("new password"))
    await office.refused(PASSWORD)
    assert await office.login("new password") != before


async def test_a_disabled_account_or_domain_is_a_wrong_password(office: Office) -> None:
    await office.login(PASSWORD)
    for on in (False, True):
        async with office.changes.begin(SERVER) as change:
            await accounts.modify(change, SARI, {"login_enabled": on})
        await (office.login(PASSWORD) if on else office.refused(PASSWORD))
    for on in (False, True):
        async with office.changes.begin(SERVER) as change:
            _, touched = await domains.change(change.conn, "klinik.example", {"enabled": on})
            change.touch(touched)
        await (office.login(PASSWORD) if on else office.refused(PASSWORD))


async def test_old_hashes_are_replaced_at_login(office: Office) -> None:
    async with office.changes.begin(SERVER) as change:
        account = await records.get(change.conn, SARI)
        await set_hash(change.conn, account.id, OLD_HASH)
        await accounts.end_sessions(change, account.id)
    await office.login(PASSWORD)
    async with office.db.connection() as conn:
        cursor = await conn.execute("SELECT hash FROM auth.passwords WHERE account_id = %s", (account.id,))
        assert str((await cursor.fetchone() or ("",))[0]).startswith("$argon2id$")


async def test_app_passwords_open_their_services_alone(office: Office) -> None:
    async with office.changes.begin(SERVER) as change:
        account = await records.get(change.conn, SARI)
        made, password = await app_passwords.create(
            change.conn, office.keys, account.id, "phone", ["imap", "smtp"]
        )
    for _ in range(2):  # computed, then remembered
        assert await office.login(password.upper().replace("-", " ")) == account.id
        await office.login(password, service="smtp")
        for service in ("pop3", "web", "api"):
            await office.refused(password, service=service)
    await office.refused(password, "boss@klinik.example")
    assert office.pool.verified == 1, "only the boss's wrong one was stretched"
    async with office.db.connection() as conn:
        (shown,) = await app_passwords.listing(conn, account.id)
        assert shown.last_used is not None
    async with office.changes.begin(SERVER) as change:
        await app_passwords.delete(change.conn, account.id, made.id)
        await accounts.end_sessions(change, account.id)
    await office.refused(password)


async def test_one_letter_in_two_encodings_is_one_password(office: Office) -> None:
    async with office.changes.begin(SERVER) as change:
        await accounts.set_password(change, SARI, await office.credentials.hash("re\u0301sume\u0301 panjang"))
    await office.login("r\u00e9sum\u00e9 panjang")


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1_025, "é" * 600])
async def test_passwords_that_are_too_short_or_too_long(office: Office, password: str) -> None:
    with pytest.raises(Invalid):
        await office.credentials.hash(password)


async def test_no_postmaster_no_change(office: Office) -> None:
    for changes in ({"login_enabled": False}, {"role": "user"}):
        with pytest.raises(Exception, match="last postmaster"):
            async with office.changes.begin(SERVER) as change:
                await accounts.modify(change, "boss@klinik.example", changes)
    with pytest.raises(Exception, match="last postmaster"):
        async with office.changes.begin(SERVER) as change:
            await accounts.delete(change, "boss@klinik.example")
    assert await office.login(PASSWORD, "boss@klinik.example")
