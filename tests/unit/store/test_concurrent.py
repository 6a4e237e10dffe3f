"""Many at once: processes that change the same folders agree with one another and with the rows afterwards."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import Conflict, NotFound
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store import FileWrite, Flag, MailFiles, Store
from merpati.store.context import Context
from merpati.store.findings import Findings
from merpati.store.mirror import mirror_flags
from merpati.store.repair import Scope, compare
from merpati.store.retire import retire
from tests.unit.store.conftest import MakeAccount
from tests.unit.store.mail import letter, new
from tests.unit.store.test_place import place, placement

ROUNDS = 25


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[list[Store]]:
    """Stores as of two processes, with their bells at Valkey."""
    made: list[Store] = []
    bells, tasks = [Bell(settings), Bell(settings)], []
    for bell in bells:
        database = Database(settings, "imap", max_size=6)
        await database.open()
        tasks.append(asyncio.create_task(bell.run()))
        made.append(Store(database, MailFiles.of(settings), bell, settings))
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for store, bell in zip(made, bells, strict=True):
        await store.context.db.close()
        await bell.close()


async def client(store: Store, account: int, seed: int) -> None:
    """A mail client that never rests."""
    chance = random.Random(seed)
    boxes = [await store.mailbox(account, name) for name in ("INBOX", "Archive", "Trash")]
    for _ in range(ROUNDS):
        box, other = chance.sample(boxes, 2)
        uids = list((await store.snapshot(account, box.id)).uids)
        some = chance.sample(uids, min(4, len(uids)))
        action = chance.randrange(6)
        if action == 0:
            await store.append(account, box.id, [new(), new()])
        elif action == 1:
            flags = chance.choice([Flag.SEEN, Flag.DELETED, Flag.SEEN | Flag.FLAGGED])
            await store.store_flags(account, box.id, some, chance.choice(["add", "remove", "set"]), flags)
        elif action == 2:
            await store.copy(account, box.id, some, other.id)
        elif action == 3:
            await store.move(account, box.id, some, other.id)
        elif action == 4:
            await store.expunge(account, box.id, None)
        else:
            async for _ in store.messages(account, box.id, some):
                pass


async def renamer(store: Store, account: int) -> None:
    """Moves a folder about while others write to it."""
    made = await store.create(account, "A")
    for turn in range(ROUNDS):
        old, name = ("A", "B/C") if turn % 2 == 0 else ("B/C", "A")
        await store.rename(account, old, name)
        await store.append(account, made.id, [new()])


async def folders(store: Store, account: int, seed: int) -> None:
    """Makes and deletes one folder, as another does."""
    for _ in range(ROUNDS):
        try:
            made = await store.create(account, "Rebutan")
            await store.append(account, made.id, [new()])
            await store.delete(account, "Rebutan")
        except (Conflict, NotFound):
            await asyncio.sleep(0)


async def deliveries(database: Database, files: MailFiles, accounts: list[int]) -> None:
    for _ in range(ROUNDS):
        data = letter()
        items = [placement(account, data) for account in accounts]
        await files.write(
            [FileWrite(data, [files.path(item.account_id, "", item.base, 0) for item in items])]
        )
        await place(database, items)


async def sweeps(worker: Context) -> None:
    for _ in range(ROUNDS):
        await mirror_flags(worker, None)
        await retire(worker)


async def test_everyone_at_once(settings: Settings, stores: list[Store], new_account: MakeAccount) -> None:
    accounts = [await new_account(), await new_account()]
    database = Database(settings, "worker", max_size=4)
    await database.open()
    worker = Context(database, MailFiles.of(settings), None, settings)
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(client(stores[number % 2], accounts[number % 2], number))
        for number in range(2):
            group.create_task(folders(stores[number], accounts[0], number))
        group.create_task(renamer(stores[0], accounts[0]))
        group.create_task(deliveries(database, worker.files, accounts[::-1]))
        group.create_task(deliveries(database, worker.files, accounts))
        group.create_task(sweeps(worker))
    await mirror_flags(worker, None)
    for store in stores:  # `deliveries` places without a bell, and may have been the last
        for account in accounts:
            store.context.changed(account)
    for account in accounts:
        findings = Findings(repair=False)
        await compare(worker, account, Scope(min_age=-1), findings)
        assert findings.found == []
        for mailbox in await stores[0].mailboxes(account):
            seen = [await settled(store, account, mailbox.id, mailbox.modseq) for store in stores]
            assert seen[0] == seen[1]
    await database.close()


async def settled(store: Store, account: int, mailbox_id: int, modseq: int) -> tuple[object, ...]:
    """The folder as a store sees it, once the last bell has reached it."""
    async with asyncio.timeout(20):
        while (snapshot := await store.snapshot(account, mailbox_id)).mailbox.modseq < modseq:
            await asyncio.sleep(0.01)
    return (
        snapshot.mailbox,
        list(snapshot.uids),
        list(snapshot.flags),
        list(snapshot.modseqs),
        dict(snapshot.keywords),
    )
