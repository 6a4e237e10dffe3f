"""`mail.place`: many accounts in one statement, quotas, threads, and what is refused."""

from __future__ import annotations

import asyncio
import os

import pytest

from merpati.message import summarise
from merpati.platform.db import Database
from merpati.platform.errors import NotFound, OverQuota
from merpati.platform.settings import Settings
from merpati.store import (
    PLACE_SQL,
    FileWrite,
    Flag,
    NewMessage,
    Placed,
    Placement,
    Store,
    place_arguments,
    unique_base,
)
from tests.unit.store.conftest import MakeAccount
from tests.unit.store.mail import letter, new


def placement(account: int, data: bytes, **more: object) -> Placement:
    return Placement(
        account_id=account,
        base=unique_base(len(data)),
        summary=summarise(data),
        file_size=len(data),
        trace_id="0123456789abcdefghjk",
        **more,  # type: ignore[arg-type]
    )


async def place(database: Database, placements: list[Placement], default_quota: int = 0) -> list[Placed]:
    async with database.connection() as conn:
        cursor = await conn.execute(PLACE_SQL, place_arguments(placements, default_quota), binary=True)
        return [Placed(*row) for row in await cursor.fetchall()]


async def test_one_file_for_many_recipients(store: Store, imap: Database, new_account: MakeAccount) -> None:
    accounts = [await new_account() for _ in range(3)]
    data = letter()
    items = [
        placement(account, data, recipient=f"user{account}@example.com", sender="") for account in accounts
    ]
    paths = [store.files.path(item.account_id, "", item.base, 0) for item in items]
    await store.files.write([FileWrite(data, paths)])
    placed = await place(imap, items)
    assert [(item.ordinal, item.status, item.uid) for item in placed] == [
        (1, "placed", 1),
        (2, "placed", 1),
        (3, "placed", 1),
    ]
    assert len({os.stat(path).st_ino for path in paths}) == 1
    for account in accounts:
        inbox = await store.mailbox(account, "INBOX")
        assert (inbox.exists, inbox.unseen, inbox.recent_uid) == (1, 1, 0)
        assert await store.read(account, inbox.id, 1) == data


async def test_uids_follow_the_order_within_a_folder(store: Store, imap: Database, account: int) -> None:
    archive = await store.mailbox(account, "Archive")
    items = [placement(account, letter()) for _ in range(4)]
    items.insert(2, placement(account, letter(), mailbox_id=archive.id, dir=archive.dir, flags=Flag.SEEN))
    placed = await place(imap, items)
    assert [item.uid for item in placed] == [1, 2, 1, 3, 4]
    assert len({item.modseq for item in placed}) == 1  # one change, one MODSEQ
    assert len({item.email_id for item in placed}) == 5


async def test_what_fits_is_placed_and_what_does_not_is_named(
    store: Store, imap: Database, new_account: MakeAccount
) -> None:
    small, big = letter("x" * 100), letter("x" * 5000)
    full = await new_account(quota=2 * len(small) + 10)
    other = await new_account()
    placed = await place(
        imap, [placement(full, big), placement(full, small), placement(other, big), placement(full, small)]
    )
    assert [item.status for item in placed] == ["over_quota", "placed", "placed", "placed"]
    assert (await store.quota(full)).used == 2 * len(small)
    refused = await place(imap, [placement(full, small)])
    assert [item.status for item in refused] == ["over_quota"]
    graced = await place(imap, [placement(full, small, quota_grace=len(small))])
    assert [item.status for item in graced] == ["placed"]


async def test_an_append_over_quota_leaves_nothing(store: Store, new_account: MakeAccount) -> None:
    data = letter("x" * 100)
    account = await new_account(quota=3 * len(data))
    inbox, trash = await store.mailbox(account, "INBOX"), await store.mailbox(account, "Trash")
    await store.append(account, inbox.id, [NewMessage(data)] * 2)
    with pytest.raises(OverQuota):
        await store.append(account, inbox.id, [NewMessage(data)] * 2)  # all or none (RFC 3502)
    with pytest.raises(OverQuota):
        await store.copy(account, inbox.id, [1, 2], trash.id)
    await store.move(account, inbox.id, [1, 2], trash.id)  # needs no room
    assert len(list((store.files.maildir(account) / "cur").iterdir())) == 2  # of the move, for the grace
    assert len(list((store.files.maildir(account, ".Trash") / "cur").iterdir())) == 2
    assert list((store.files.root / "spool" / "tmp").iterdir()) == []


async def test_a_folder_that_is_gone_or_moved_is_named(store: Store, imap: Database, account: int) -> None:
    made = await store.create(account, "Sementara")
    await store.rename(account, "Sementara", "Tetap")
    items = [
        placement(account, letter(), mailbox_id=made.id, dir=made.dir),
        placement(account, letter(), mailbox_id=10**9),
        placement(10**9, letter()),
        placement(account, letter()),
    ]
    assert [item.status for item in await place(imap, items)] == ["no_mailbox"] * 3 + ["placed"]
    await store.delete(account, "Tetap")
    with pytest.raises(NotFound):
        await store.append(account, made.id, [new()])


async def test_answers_join_their_thread(store: Store, imap: Database, account: int) -> None:
    first = letter()
    identifier = summarise(first).message_id
    assert identifier is not None
    answer, other = letter(references=f"<unknown@example.net> {identifier}"), letter()
    for data in (first, answer, other):
        await place(imap, [placement(account, data)])
    inbox = await store.mailbox(account, "INBOX")
    threads = [row[0] async for row in store.rows(account, inbox.id, [1, 2, 3], ["thread_id"])]
    assert threads[0] == threads[1] != threads[2]


async def test_batches_over_the_same_accounts_take_turns(
    store: Store, imap: Database, new_account: MakeAccount
) -> None:
    accounts = [await new_account() for _ in range(4)]

    async def batch(order: list[int]) -> None:
        await place(imap, [placement(account, letter()) for account in order])

    await asyncio.gather(*(batch(accounts[turn % 4 :] + accounts[: turn % 4]) for turn in range(20)))
    for account in accounts:
        inbox = await store.mailbox(account, "INBOX")
        assert (inbox.exists, inbox.uidnext) == (20, 21)
        assert list((await store.snapshot(account, inbox.id)).uids) == list(range(1, 21))


async def test_hostile_text_is_stored(store: Store, imap: Database, account: int, settings: Settings) -> None:
    data = b"From: a\0b\r\nSubject: \xff\xfe\0\r\nMessage-ID: <" + b"\0" * 10 + b">\r\n\r\n\0\0"
    placed = await place(imap, [placement(account, data, sender="x\0@y", recipient="z\udcff@y")])
    assert [item.status for item in placed] == ["placed"]
