"""Sessions in their table: rotation, expiry by time and by silence, the end with the account's credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from merpati.directory import Directory, Verdict
from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati_webmail import capability
from merpati_webmail.capability import PartAddress
from merpati_webmail.session import Sessions

MakeDatabase = Callable[..., Awaitable[Database]]


@dataclass
class Desk:
    """Sessions over a real database, and the owner's hand in it."""

    sessions: Sessions
    directory: Directory
    owner: Database
    verdict: Verdict

    async def sql(self, statement: str) -> None:
        async with self.owner.connection() as conn:
            await conn.execute(statement.encode())
        self.directory.drop()


@pytest.fixture
async def desk(settings: Settings, database: MakeDatabase) -> AsyncIterator[Desk]:
    owner, db = await database("owner"), await database("webmail")
    async with owner.connection() as conn:
        cursor = await conn.execute(
            "INSERT INTO directory.accounts (address) VALUES ('u' || gen_random_uuid() || '@x.example')"
            " RETURNING id, address"
        )
        row = await cursor.fetchone()
    assert row is not None
    directory = Directory(db, settings, scoped=True)
    verdict = Verdict(row[0], row[1], "user", True, 1, "", "en")
    yield Desk(Sessions(db, directory, settings), directory, owner, verdict)


async def test_only_a_digest_is_kept(desk: Desk) -> None:
    token = await desk.sessions.start(desk.verdict, None)
    session = await desk.sessions.load(token)
    assert session is not None and session.account.id == desk.verdict.account_id
    async with desk.owner.connection() as conn:
        rows = await (await conn.execute("SELECT s::text FROM webmail.sessions s")).fetchall()
    assert token not in str(rows)


async def test_a_login_ends_the_session_that_the_browser_had(desk: Desk) -> None:
    first = await desk.sessions.start(desk.verdict, None)
    second = await desk.sessions.start(desk.verdict, first)
    assert first != second
    assert await desk.sessions.load(first) is None
    assert await desk.sessions.load(second) is not None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE webmail.sessions SET expires_at = now()",
        "UPDATE webmail.sessions SET seen_at = now() - interval '4 days'",
        "UPDATE directory.accounts SET auth_version = auth_version + 1",
        "UPDATE directory.accounts SET login_enabled = false",
        "UPDATE directory.accounts SET deleted_at = now()",
    ],
)
async def test_every_reason_ends_it(desk: Desk, statement: str) -> None:
    token = await desk.sessions.start(desk.verdict, None)
    await desk.sql(statement)
    assert await desk.sessions.load(token) is None


async def test_being_used_keeps_it_alive_but_watching_does_not(desk: Desk) -> None:
    token = await desk.sessions.start(desk.verdict, None)
    session = await desk.sessions.load(token)
    assert session is not None
    await desk.sql("UPDATE webmail.sessions SET seen_at = now() - interval '2 days'")
    assert await desk.sessions.load_digest(session.digest) is not None
    await desk.sql("UPDATE webmail.sessions SET seen_at = seen_at - interval '12 hours'")
    assert await desk.sessions.load(token) is not None
    await desk.sql("UPDATE webmail.sessions SET seen_at = seen_at - interval '2 days'")
    assert await desk.sessions.load(token) is not None, "its use was noted"


@pytest.mark.parametrize("token", [None, "", "x", "x" * 101, "\udcff", "\0"])
async def test_nonsense_is_no_session(desk: Desk, token: str | None) -> None:
    assert await desk.sessions.load(token) is None


async def test_old_sessions_are_swept_at_login(desk: Desk) -> None:
    await desk.sessions.start(desk.verdict, None)
    await desk.sql("UPDATE webmail.sessions SET expires_at = now() - interval '1 second'")
    await desk.sessions.start(desk.verdict, None)
    async with desk.owner.connection() as conn:
        cursor = await conn.execute(
            "SELECT count(*) FROM webmail.sessions WHERE account_id = %s", (desk.verdict.account_id,)
        )
        assert await cursor.fetchone() == (1,)


async def test_a_sealed_address_is_good_for_one_part_of_one_session(desk: Desk) -> None:
    token = await desk.sessions.start(desk.verdict, None)
    other = await desk.sessions.load(await desk.sessions.start(desk.verdict, None))
    session = await desk.sessions.load(token)
    assert session is not None and other is not None
    part = PartAddress(3, 15, "1.2")
    _, _, name, mailbox, uid, number, seal = capability.inline_url(session, part).split("/")
    assert (mailbox, uid, number) == ("3", "15", "1.2")
    opened = await capability.opened(desk.sessions, name, part, seal)
    assert opened is not None and opened.digest == session.digest
    for wrong in (PartAddress(3, 15, "1.3"), PartAddress(3, 16, "1.2"), PartAddress(4, 15, "1.2")):
        assert await capability.opened(desk.sessions, name, wrong, seal) is None
    foreign = capability.inline_url(other, part).split("/")
    assert await capability.opened(desk.sessions, name, part, foreign[-1]) is None
    assert await capability.opened(desk.sessions, name, part, "é") is None
    assert await capability.opened(desk.sessions, name + "=", part, seal) is None
    await desk.sessions.end(session)
    assert await capability.opened(desk.sessions, name, part, seal) is None
