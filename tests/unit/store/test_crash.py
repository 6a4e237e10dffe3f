"""Killed in the middle: what was acknowledged is there, and what was not is put in order by the worker's sweep."""

from __future__ import annotations

import subprocess
import sys

import pytest

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.store import MailFiles, Store
from merpati.store.context import Context
from merpati.store.findings import Findings
from merpati.store.mirror import mirror_flags
from merpati.store.repair import Scope, compare
from tests.embedded import Cluster
from tests.unit.store.conftest import MakeAccount

# Works on one account without pause and says what it was told is done, a line each.
VICTIM = """
import asyncio, itertools, random, sys
from pathlib import Path
from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.store import Flag, MailFiles, NewMessage, Store
from merpati.store.context import Context
from merpati.store.mirror import mirror_flags

async def main(settings, account, seed):
    database = Database(settings, "imap", max_size=8)
    await database.open()
    worker = Database(settings, "worker", max_size=2)
    await worker.open()
    store = Store(database, MailFiles.of(settings), None, settings)
    inbox, trash = await store.mailbox(account, "INBOX"), await store.mailbox(account, "Trash")
    await store.create(account, "Folder0")
    chance = random.Random(seed)

    async def append(lane):
        for number in itertools.count():
            name = f"{seed}-{lane}-{number}"
            data = f"Message-ID: <{name}@example.com>\\r\\n\\r\\n{name}\\r\\n".encode()
            await store.append(account, inbox.id, [NewMessage(data)])
            print("kept", name, flush=True)

    async def shuffle():
        while True:
            uids = list((await store.snapshot(account, inbox.id)).uids)
            some = chance.sample(uids, min(len(uids), 5))
            await store.store_flags(account, inbox.id, some, chance.choice(["add", "remove"]), Flag.SEEN)
            await store.move(account, inbox.id, some[:2], trash.id)
            await store.copy(account, inbox.id, some[2:], trash.id)

    async def mirror():
        while True:
            await mirror_flags(Context(worker, store.files, None, settings), None)

    async def rename():
        for number in itertools.count():
            await store.rename(account, f"Folder{number}", f"Folder{number + 1}")

    await asyncio.gather(append(1), append(2), shuffle(), mirror(), rename())

asyncio.run(main(Settings(_env_file=None, **eval(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.mark.parametrize("seed", range(2))
async def test_what_was_acknowledged_survives_a_kill(
    settings: Settings, new_account: MakeAccount, cluster: Cluster, seed: int
) -> None:
    account = await new_account()
    given = {
        name: str(getattr(settings, name)) for name in ("data", "database_host", "database_name", "redis_url")
    }
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, repr(given), str(account), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
    ) as victim:
        assert victim.stdout is not None
        kept = [victim.stdout.readline().split()[1] for _ in range(40 + 10 * seed)]
        victim.kill()
        kept += [line.split()[1] for line in victim.stdout.read().splitlines() if line.startswith("kept ")]
    database = Database(settings, "worker", max_size=2)
    await database.open()
    context = Context(database, MailFiles.of(settings), None, settings)
    store = Store(database, context.files, None, settings)
    assert set(kept) <= set(await read_all(store, account))  # before any repair

    findings = Findings(repair=True)
    await compare(context, account, Scope(min_age=-1), findings)
    assert not findings.counts().keys() & {"missing", "counter", "displaced", "folder"}
    again = Findings(repair=False)
    await mirror_flags(context, None)
    await compare(context, account, Scope(min_age=-1), again)
    assert again.found == []
    assert set(kept) <= set(await read_all(store, account))
    await database.close()


async def read_all(store: Store, account: int) -> list[str]:
    found = []
    for mailbox in await store.mailboxes(account):
        snapshot = await store.snapshot(account, mailbox.id)
        count = 0
        async for _, data in store.messages(account, mailbox.id, snapshot.uids):
            found.append(data.decode().split()[-1])
            count += 1
        assert len(snapshot) == mailbox.exists == count
    return found
