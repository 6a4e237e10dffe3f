"""Submission from the browser: rows of the account's own, under the role that sees nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from merpati.directory import Directory
from merpati.platform.db import Database
from merpati.platform.errors import Denied, Invalid, OverQuota, Throttled
from merpati.platform.settings import Settings
from merpati.store import MailFiles, Store
from merpati.submission import Letter, submit_from_webmail
from tests.town import Town, found_town

LETTER = b"From: %b\r\nTo: x@y.example\r\nBcc: hidden@y.example\r\nSubject: Hello\r\n\r\nHi.\r\n"


@pytest.fixture
async def town(settings: Settings, database: Callable[..., Awaitable[Database]]) -> Town:
    return await found_town(settings, await database("owner"), await database("webmail"))


def browser(town: Town, **overrides: object) -> tuple[Store, Directory]:
    settings = town.settings.model_copy(update=overrides)
    store = Store(town.db, MailFiles.of(settings), None, settings, scoped=True)
    return store, Directory(town.db, settings, scoped=True)


def letter(town: Town, account_id: int, *recipients: str, author: str = "tito") -> Letter:
    sender = town.at("tito")
    return Letter(account_id, sender, recipients, LETTER % town.at(author).encode(), "192.0.2.1")


async def test_a_copy_and_rows_for_everybody(town: Town) -> None:
    tito = await town.account("tito")
    await town.account("iqbal")
    store, directory = browser(town)
    trace_id = await submit_from_webmail(
        store, directory, letter(town, tito, town.at("iqbal"), "x@y.example", "hidden@y.example")
    )
    sent = await store.mailbox(tito, "Sent")
    snapshot = await store.snapshot(tito, sent.id)
    copy = await store.read(tito, sent.id, snapshot.uids[0])
    assert b"Bcc: hidden@y.example\r\n" in copy and b"Received:" not in copy
    assert f"Message-ID: <{trace_id}@{town.domain}>\r\n".encode() in copy
    rows = await town.rows(
        "SELECT kind, recipient, account_id, file FROM queue.messages WHERE trace_id = %s ORDER BY id",
        trace_id,
    )
    assert [row[:3] for row in rows] == [
        ("local", town.at("iqbal"), tito),
        ("remote", "x@y.example", tito),
        ("remote", "hidden@y.example", tito),
    ]
    files = [town.files.root / row[3] for row in rows]
    assert len({file.stat().st_ino for file in files}) == 1
    outgoing = files[0].read_bytes()
    assert outgoing.startswith(b"Received: by ") and b"hidden" not in outgoing
    assert [kind for kind, _ in await town.trail(trace_id)] == ["accepted", "queued", "queued", "queued"]


async def test_only_own_addresses(town: Town) -> None:
    tito = await town.account("tito")
    await town.account("iqbal")
    with pytest.raises(Denied):
        await submit_from_webmail(*browser(town), letter(town, tito, "x@y.example", author="iqbal"))


async def test_what_is_refused_leaves_nothing(town: Town) -> None:
    tito = await town.account("tito", quota=1)
    spool = town.files.root / "spool"
    before = sorted(spool.rglob("*"))
    with pytest.raises(OverQuota):
        await submit_from_webmail(*browser(town), letter(town, tito, "x@y.example"))
    with pytest.raises(Throttled):
        await submit_from_webmail(
            *browser(town, submission_rate=1), letter(town, tito, "x@y.example", "z@y.example")
        )
    with pytest.raises(Invalid):
        await submit_from_webmail(*browser(town), letter(town, tito))
    with pytest.raises(Invalid):
        await submit_from_webmail(*browser(town), letter(town, tito, "not an address"))
    assert await town.rows("SELECT FROM queue.messages WHERE account_id = %s", tito) == []
    assert sorted(spool.rglob("*")) == before
    assert not [path for path in town.files.maildir(tito).rglob("*") if path.is_file()]
