"""An older database restored over newer files: every file is kept, and no UID means two messages."""

from __future__ import annotations

import os

import psycopg
import pytest
from psycopg import sql

from merpati.platform.db import Database, conninfo
from merpati.platform.settings import Settings
from merpati.store import Flag, MailFiles, NewMessage, Store, adopt, provision
from merpati.store.context import Context
from merpati_cli import check
from merpati_worker.jobs import JOBS
from merpati_worker.runner import Runner
from tests.unit.store.mail import every_file, letter

BACKUP = "backup_of_test"


def back_up(settings: Settings) -> None:
    maintenance = settings.model_copy(update={"database_name": "postgres"})
    with psycopg.connect(conninfo(maintenance, "owner"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(BACKUP)))
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(BACKUP), sql.Identifier(settings.database_name)
            )
        )


async def new_account(settings: Settings, address: str) -> int:
    database = Database(settings, "owner", max_size=1)
    await database.open()
    try:
        async with database.transaction() as conn:
            cursor = await conn.execute(
                "INSERT INTO directory.accounts (address) VALUES (%s) RETURNING id", (address,)
            )
            row = await cursor.fetchone()
            assert row is not None
            await provision(conn, row[0])
            return int(row[0])
    finally:
        await database.close()


async def sweep(settings: Settings, times: int = 3) -> None:
    """Every job of the worker, as if its time had come, again and again."""
    database = Database(settings, "worker", max_size=2)
    await database.open()
    runner = Runner(Context(database, MailFiles.of(settings), None, settings), JOBS)
    try:
        await runner.enter()
        for _ in range(times):
            async with database.connection() as conn:
                await conn.execute("UPDATE platform.jobs SET next_at = now()")
            while await runner.run_one():
                pass
            async with database.connection() as conn:
                cursor = await conn.execute(
                    "SELECT name, last_error FROM platform.jobs WHERE last_error IS NOT NULL"
                )
                assert await cursor.fetchall() == []
    finally:
        await database.close()


async def with_store(settings: Settings) -> tuple[Database, Store]:
    database = Database(settings, "imap", max_size=2)
    await database.open()
    return database, Store(database, MailFiles.of(settings), None, settings)


async def test_an_older_database_over_newer_files_loses_nothing(fresh_settings: Settings) -> None:
    settings = fresh_settings.model_copy(update={"adopt_after": 0})
    root = settings.mail_root
    tito = await new_account(settings, "tito@example.com")
    letters = [letter(f"Surat ke-{number}") for number in range(8)]

    database, store = await with_store(settings)
    inbox = await store.mailbox(tito, "INBOX")
    folder = await store.create(tito, "Lama")
    await store.append(tito, inbox.id, [NewMessage(data) for data in letters[:3]])
    await store.append(tito, folder.id, [NewMessage(letters[3])])
    await database.close()
    await sweep(settings, 1)
    back_up(settings)

    database, store = await with_store(settings)
    archive = await store.mailbox(tito, "Archive")
    await store.append(tito, inbox.id, [NewMessage(data) for data in letters[4:6]])
    await store.store_flags(tito, inbox.id, [1, 2, 3], "add", Flag.SEEN)
    await store.move(tito, inbox.id, [2], archive.id)
    await store.rename(tito, "Lama", "Baru")
    made = await store.create(tito, "Sesudah/Cadangan")
    await store.append(tito, made.id, [NewMessage(letters[6])])
    await store.expunge(tito, inbox.id, [3], only_deleted=False)
    iqbal = await new_account(settings, "iqbal@example.com")
    await store.append(iqbal, (await store.mailbox(iqbal, "INBOX")).id, [NewMessage(letters[7])])
    await database.close()
    await sweep(settings)
    inodes = {os.stat(path).st_ino for path in every_file(root)}

    restored = settings.model_copy(update={"database_name": BACKUP})
    await sweep(restored)
    assert inodes <= {os.stat(path).st_ino for path in every_file(root)}

    database, store = await with_store(restored)
    seen = set()
    for mailbox in await store.mailboxes(tito):
        assert mailbox.uidvalidity > inbox.uidvalidity
        snapshot = await store.snapshot(tito, mailbox.id)
        async for _, data in store.messages(tito, mailbox.id, snapshot.uids):
            seen.add(data)
    assert seen == set(letters[:7])
    await database.close()
    assert await new_account(restored, "sari@example.com") > iqbal  # else she would get iqbal's folder
    assert (await check.run(restored, None, repair=False)).counts() == {"stranger": 1}


async def test_an_unreadable_file_keeps_no_other_account_from_repair(fresh_settings: Settings) -> None:
    tito, iqbal = [await new_account(fresh_settings, f"{name}@example.com") for name in ("tito", "iqbal")]
    files = MailFiles.of(fresh_settings)
    folders = [files.maildir(account) / "cur" for account in (tito, iqbal)]
    for folder in folders:
        folder.mkdir(parents=True)
    (folders[1] / "1.a:2,").write_bytes(letter())
    real = adopt.read_file

    def read_file(path: str) -> bytes:
        if path.startswith(str(folders[0])):
            raise OSError(5, "Input/output error")
        return real(path)

    (folders[0] / "1.b:2,").write_bytes(letter())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adopt, "read_file", read_file)
        found = await check.run(fresh_settings, None, repair=True, older_than=0)
    assert found.counts() == {"unreadable": 1, "unknown": 1} and check.exit_code(found) == 3


async def test_check_finds_and_mends(fresh_settings: Settings) -> None:
    tito = await new_account(fresh_settings, "tito@example.com")
    database, store = await with_store(fresh_settings)
    inbox = await store.mailbox(tito, "INBOX")
    await store.append(tito, inbox.id, [NewMessage(letter())])
    path = store.files.maildir(tito) / "cur" / "999.P1.host:2,FS"
    path.write_bytes(letter())
    found = await check.run(fresh_settings, "tito@example.com", repair=False, older_than=0)
    assert found.counts() == {"unknown": 1} and check.exit_code(found) == 1
    assert "Nothing was changed" in check.report(found, verbose=True)
    mended = await check.run(fresh_settings, None, repair=True, older_than=0)
    assert check.exit_code(mended) == 0
    assert list((await store.snapshot(tito, inbox.id)).flags) == [0, Flag.SEEN | Flag.FLAGGED]
    next(iter((store.files.maildir(tito) / "cur").iterdir())).unlink()
    assert check.exit_code(await check.run(fresh_settings, None, repair=True, older_than=0)) == 3
    await database.close()
