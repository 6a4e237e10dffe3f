"""Files and rows that have come apart: the worker's jobs and `merpati check` bring them together and lose nothing."""

from __future__ import annotations

import os
import time

import pytest

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.store import FileWrite, Flag, MailFiles, NewMessage, Store, renames, unique_base
from merpati.store.blobs import EXPUNGED
from merpati.store.context import Context
from merpati.store.findings import Findings
from merpati.store.mirror import mirror_flags
from merpati.store.purge import purge_due, sweep_spool, trim_changes
from merpati.store.repair import Scope, compare
from merpati.store.retire import retire
from tests.unit.store.conftest import MakeAccount
from tests.unit.store.mail import letter, names, new


@pytest.fixture
async def worker(settings: Settings, files: MailFiles) -> Context:
    database = Database(settings, "worker", max_size=2)
    await database.open()
    yield Context(database, files, None, settings)
    await database.close()


async def repair(worker: Context, account: int) -> dict[str, int]:
    findings = Findings(repair=True)
    await compare(worker, account, Scope(min_age=-1), findings)
    return dict(findings.counts())


async def test_the_mirror_renames_files_and_readers_never_miss(
    store: Store, worker: Context, account: int
) -> None:
    inbox = await store.mailbox(account, "INBOX")
    await store.append(account, inbox.id, [new() for _ in range(3)])
    await store.store_flags(account, inbox.id, [1, 3], "add", Flag.SEEN | Flag.FLAGGED)
    assert await mirror_flags(worker, 60) >= 2
    assert sorted(name.partition(":2,")[2] for name in names(store.files, account)) == ["", "FS", "FS"]
    assert (await store.read(account, inbox.id, 3)).startswith(b"From: Tito")
    assert await mirror_flags(worker, None) == 0


async def test_two_names_of_one_file_become_the_rows(store: Store, worker: Context, account: int) -> None:
    inbox = await store.mailbox(account, "INBOX")
    await store.append(account, inbox.id, [new()])
    (name,) = names(store.files, account)
    folder = store.files.maildir(account) / "cur"
    os.link(folder / name, folder / f"{name}S")  # a mirror that was killed between link and row
    assert await repair(worker, account) == {"misnamed": 1}
    assert names(store.files, account) == [name]
    os.rename(folder / name, folder / f"{name}S")  # flags of a newer database
    assert (await store.read(account, inbox.id, 1)).startswith(b"From: Tito")
    assert await repair(worker, account) == {"misnamed": 1}
    assert names(store.files, account) == [f"{name}S"]
    assert await repair(worker, account) == {}


async def test_a_file_that_a_power_cut_tore_is_put_aside(store: Store, worker: Context, account: int) -> None:
    data = letter()
    path = store.files.path(account, "", unique_base(len(data)), 0)
    await store.files.write([FileWrite(data[:-10], [path])])
    assert await repair(worker, account) == {"torn": 1}
    assert not path.exists()
    assert [
        item.read_bytes() for item in store.files.lost_and_found(account).rglob("*") if item.is_file()
    ] == [data[:-10]]


async def test_a_file_without_a_row_is_adopted_with_its_flags(
    store: Store, worker: Context, account: int
) -> None:
    data = letter()
    path = store.files.path(account, ".Archive", unique_base(len(data)), Flag.SEEN)
    await store.files.write([FileWrite(data, [path])])  # written, then the process died
    findings = Findings(repair=True)
    await compare(worker, account, Scope(min_age=3600), findings)
    assert not findings.found  # too young: its row may be on the way
    assert await repair(worker, account) == {"unknown": 1}
    archive = await store.mailbox(account, "Archive")
    assert (archive.exists, archive.unseen) == (1, 0)
    assert await store.read(account, archive.id, 1) == data
    assert await repair(worker, account) == {}


async def test_a_file_of_known_content_goes_to_lost_and_found(
    store: Store, worker: Context, account: int
) -> None:
    inbox = await store.mailbox(account, "INBOX")
    data = letter()
    await store.append(account, inbox.id, [NewMessage(data)])
    again = b"Return-Path: <a@b>\r\nReceived: from x\r\n\tby y; now\r\n" + data
    new_dir = store.files.maildir(account) / "new"
    (new_dir / "123.foreign").write_bytes(again)
    assert await repair(worker, account) == {"known": 1}
    (lost,) = (store.files.lost_and_found(account) / "INBOX").iterdir()
    assert lost.read_bytes() == again
    assert (await store.mailbox(account, "INBOX")).exists == 1


async def test_an_expunged_file_that_no_row_remembers_goes_to_lost_and_found(
    store: Store, worker: Context, account: int
) -> None:
    data = letter()
    path = store.files.path(account, EXPUNGED, unique_base(len(data)), 0)
    await store.files.write([FileWrite(data, [path])])
    assert await repair(worker, account) == {"folder": 1}
    (lost,) = (store.files.lost_and_found(account) / EXPUNGED).iterdir()
    assert (lost.name, lost.read_bytes()) == (path.name, data)


async def test_mail_of_another_program_gets_our_line_ends(
    store: Store, worker: Context, account: int
) -> None:
    data = letter()
    other = data.replace(b"\r\n", b"\n")
    for sub in ("cur", "new", "tmp"):
        (store.files.maildir(account) / sub).mkdir(parents=True, exist_ok=True)
    path = store.files.maildir(account) / "new" / f"1.M2P3.postfix,S={len(other)}"
    path.write_bytes(other)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert await repair(worker, account) == {"unknown": 1}
    inbox = await store.mailbox(account, "INBOX")
    assert await store.read(account, inbox.id, 1) == data
    (row,) = [row async for row in store.rows(account, inbox.id, [1], ["received_at", "size"])]
    assert (row[0].timestamp(), row[1]) == (1_600_000_000, len(data))
    (lost,) = (store.files.lost_and_found(account) / "INBOX").iterdir()
    assert lost.read_bytes() == other
    assert await repair(worker, account) == {}


async def test_a_folder_without_a_row_comes_back_with_its_mail(
    store: Store, worker: Context, account: int
) -> None:
    made = await store.create(account, "Proyék/Satu. Dua")
    data = letter()
    await store.append(account, made.id, [NewMessage(data)])
    async with worker.db.transaction() as conn:  # as if the database were older than the folder
        await conn.execute("DELETE FROM mail.mailbox_messages WHERE account_id = %s", (account,))
        await conn.execute("DELETE FROM mail.emails WHERE account_id = %s", (account,))
        await conn.execute(
            "DELETE FROM mail.mailboxes WHERE account_id = %s AND name LIKE 'Pro%%'", (account,)
        )
        await conn.execute(
            "UPDATE mail.accounts SET used = 0, messages = 0 WHERE account_id = %s", (account,)
        )
    assert await repair(worker, account) == {"unknown": 1}
    back = await store.mailbox(account, "Proyék/Satu. Dua")
    assert await store.read(account, back.id, 1) == data


@pytest.mark.parametrize(
    ("directory", "name"),
    [(".Proyék", "Proyék"), (".&é-", "Recovered/&é-"), (".Archive\\2e", "Archive."), (".A&AGE-", "Aa (2)")],
)
async def test_a_directory_that_we_would_spell_otherwise_is_kept(
    store: Store, worker: Context, account: int, directory: str, name: str
) -> None:
    await store.create(account, "Aa")
    folder = store.files.maildir(account, directory) / "cur"
    folder.mkdir(parents=True)
    data = letter()
    (folder / "1.foreign:2,S").write_bytes(data)
    assert await repair(worker, account) == {"unknown": 1}
    box = await store.mailbox(account, name)
    assert box.dir == directory
    assert await store.read(account, box.id, 1) == data
    await store.rename(account, name, "Baru")
    assert await store.read(account, box.id, 1) == data


async def test_a_row_finds_its_file_in_another_folder(store: Store, worker: Context, account: int) -> None:
    made = await store.create(account, "Lama")
    data = letter()
    await store.append(account, made.id, [NewMessage(data)])
    maildir = store.files.maildir(account)
    os.rename(maildir / ".Lama", maildir / ".Baru")  # renamed after the backup was made
    counts = await repair(worker, account)
    assert counts == {"displaced": 1, "known": 1}
    assert await store.read(account, made.id, 1) == data


async def test_a_missing_file_is_reported_and_its_row_kept(
    store: Store, worker: Context, account: int
) -> None:
    inbox = await store.mailbox(account, "INBOX")
    await store.append(account, inbox.id, [new()])
    (name,) = names(store.files, account)
    (store.files.maildir(account) / "cur" / name).unlink()
    assert await repair(worker, account) == {"missing": 1}
    assert (await store.mailbox(account, "INBOX")).exists == 1


async def test_wrong_counts_are_recomputed(
    store: Store, worker: Context, owner: Database, account: int
) -> None:
    inbox = await store.mailbox(account, "INBOX")
    await store.append(account, inbox.id, [new(), new()])
    async with owner.connection() as conn:
        await conn.execute(
            "UPDATE mail.mailboxes SET exists = 9, unseen = 0, uidnext = 1 WHERE account_id = %s AND id = %s",
            (account, inbox.id),
        )
        await conn.execute("UPDATE mail.accounts SET used = 0 WHERE account_id = %s", (account,))
    assert await repair(worker, account) == {"counter": 2}
    now = await store.mailbox(account, "INBOX")
    assert (now.exists, now.unseen, now.uidnext) == (2, 2, 3)
    assert (await store.quota(account)).used == now.size


async def test_an_expunged_file_is_removed_after_its_grace_only(
    store: Store, worker: Context, owner: Database, account: int
) -> None:
    inbox, trash = await store.mailbox(account, "INBOX"), await store.mailbox(account, "Trash")
    await store.append(account, inbox.id, [new(), new()])
    await store.copy(account, inbox.id, [1], trash.id)
    await store.expunge(account, inbox.id, [1, 2], only_deleted=False)
    assert await purge_due(worker) == 0 and len(names(store.files, account)) == 2
    async with owner.connection() as conn:
        await conn.execute("UPDATE mail.unlink_log SET due = now() WHERE account_id = %s", (account,))
    assert await purge_due(worker) == 2
    assert names(store.files, account) == [] and len(names(store.files, account, ".Trash")) == 1
    async with owner.connection() as conn:
        cursor = await conn.execute("SELECT count(*) FROM mail.emails WHERE account_id = %s", (account,))
        assert await cursor.fetchone() == (1,)
    assert (await store.read(account, trash.id, 1)).startswith(b"From: Tito")


async def test_expunged_files_leave_their_folder_and_stay_readable(
    store: Store, worker: Context, owner: Database, account: int
) -> None:
    made = await store.create(account, "Kerja")
    await store.append(account, made.id, [new(), new()])
    first = await store.read(account, made.id, 1)
    await store.expunge(account, made.id, [1], only_deleted=False)
    (left, gone) = sorted(names(store.files, account, ".Kerja"), key=lambda name: name)[::-1]
    assert await retire(worker) >= 1
    assert names(store.files, account, ".Kerja") == [left] and names(store.files, account, EXPUNGED) == [gone]
    assert await store.read(account, made.id, 1) == first
    found = [data async for _, data in store.messages(account, made.id, [1, 2])]
    assert found[0] == first and len(found) == 2
    await store.rename(account, "Kerja", "Lain")
    assert await store.read(account, made.id, 1) == first
    os.link(  # a worker that was killed before it removed the first name
        store.files.maildir(account, EXPUNGED) / "cur" / gone,
        store.files.maildir(account, ".Lain") / "cur" / gone,
    )
    assert await repair(worker, account) == {}
    async with owner.connection() as conn:
        await conn.execute("UPDATE mail.unlink_log SET due = now() WHERE account_id = %s", (account,))
    assert await purge_due(worker) == 1
    assert names(store.files, account, EXPUNGED) == [] and names(store.files, account, ".Lain") == [left]


async def test_a_trimmed_change_log_says_so(
    store: Store, worker: Context, owner: Database, account: int
) -> None:
    inbox = await store.mailbox(account, "INBOX")
    appended = await store.append(account, inbox.id, [new()])
    before = await store.snapshot(account, inbox.id)
    await store.store_flags(account, inbox.id, [1], "add", Flag.SEEN)
    async with owner.connection() as conn:
        await conn.execute(
            "UPDATE mail.changes SET at = now() - interval '8 days' WHERE account_id = %s", (account,)
        )
    assert await trim_changes(worker) == 2
    after = await store.snapshot(account, inbox.id)
    assert after.mailbox.floor > appended.modseq and list(after.flags) == [Flag.SEEN]
    assert before.mailbox.floor < after.mailbox.floor


async def test_old_spool_files_are_swept_and_young_ones_kept(store: Store, worker: Context) -> None:
    name = store.files.new_spool_name()
    name.write_bytes(b"half")
    assert await sweep_spool(worker) == 0 and name.exists()
    ahead = time.time() + 37 * 3600
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: ahead)
        assert await sweep_spool(worker) == 1
    assert not name.exists()


async def test_a_rename_cut_short_is_finished(
    store: Store, worker: Context, account: int, new_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await store.create(account, "Lama/Dalam")
    data = letter()
    await store.append(account, made.id, [NewMessage(data)])

    def crash(source: str, target: str) -> None:
        raise OSError(5, "power cut")

    with monkeypatch.context() as patch:
        patch.setattr(renames, "_move_directory", crash)
        with pytest.raises(OSError, match="power cut"):
            await store.rename(account, "Lama", "Baru")
    assert (await store.mailbox(account, "Baru/Dalam")).id == made.id
    assert await store.read(account, made.id, 1) == data  # found under the old name
    await store.append(account, made.id, [new()])  # goes to the new one
    assert await renames.settle_all(worker) == 1
    assert len(names(store.files, account, ".Baru.Dalam")) == 2
    assert await repair(worker, account) == {}
