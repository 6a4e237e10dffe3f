"""When Postgres or the disk fails: always a temporary error, and nothing half done."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import DiskFull, Invalid, OutcomeUnknown, Unavailable
from merpati.platform.settings import Settings
from merpati.store import FileWrite, MailFiles, NewMessage, Store, append, durable
from tests.unit.store.mail import every_file, letter, new


async def test_without_postgres(settings: Settings, files: MailFiles) -> None:
    away = settings.model_copy(update={"database_host": "/nonexistent", "database_timeout": 0.2})
    database = Database(away, "imap")
    await database.open()
    store = Store(database, files, None, away)
    with pytest.raises(Unavailable):
        await store.mailboxes(1)
    with pytest.raises(Unavailable):
        await store.append(1, 1, [new()])
    await database.close()


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, Unavailable)]
)
@pytest.mark.parametrize("step", ["write", "fsync", "rename", "link"])
async def test_a_disk_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, error: type[Unavailable]
) -> None:
    files = MailFiles(tmp_path)
    targets = [files.path(account, "", "1.a", 0) for account in (1, 2)]
    await files.write([FileWrite(b"before", [files.path(3, "", "1.a", 0)])])

    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(error):
            await files.write(
                [FileWrite(b"content", targets), FileWrite(b"other", [files.path(1, "", "2.a", 0)])]
            )
    assert [path.read_bytes() for path in every_file(tmp_path)] == [b"before"]
    assert list((tmp_path / "spool" / "tmp").iterdir()) == []


async def test_below_the_floor_nothing_is_written(tmp_path: Path) -> None:
    files = MailFiles(tmp_path, disk_floor=2**62)
    with pytest.raises(DiskFull):
        await files.write([FileWrite(b"content", [files.path(1, "", "1.a", 0)])])
    with pytest.raises(DiskFull):
        files.check_disk()


async def test_a_link_that_is_refused_becomes_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = MailFiles(tmp_path)
    targets = [files.path(account, "", "1.a", 0) for account in (1, 2)]
    await files.write([FileWrite(b"", [files.path(account, "", "0.a", 0)]) for account in (1, 2)])

    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EMLINK, "too many links")

    monkeypatch.setattr(os, "link", refuse)
    await files.write([FileWrite(b"content", targets)])
    assert [path.read_bytes() for path in targets] == [b"content"] * 2
    assert targets[0].stat().st_ino != targets[1].stat().st_ino


async def test_a_volume_that_cannot_link_is_refused_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    MailFiles(tmp_path).check_volume()
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(Invalid, match="cannot link"):
        MailFiles(tmp_path).check_volume()


async def test_a_spooled_file_keeps_its_name_until_its_owner_lets_go(store: Store, account: int) -> None:
    data = letter("x" * 1000)
    name = store.files.new_spool_name()
    name.write_bytes(data)
    inbox = await store.mailbox(account, "INBOX")
    appended = await store.append(account, inbox.id, [NewMessage(name)])
    assert await store.read(account, inbox.id, appended.uids[0]) == data
    assert name.exists() and name.stat().st_nlink == 2


async def test_a_lost_commit_keeps_the_file(
    store: Store, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = await store.mailbox(account, "INBOX")

    async def lost(*_args: object) -> None:
        raise OutcomeUnknown("connection lost")

    with monkeypatch.context() as patch:
        patch.setattr(append, "place", lost)
        with pytest.raises(OutcomeUnknown):
            await store.append(account, inbox.id, [new()])
    assert len(list((store.files.maildir(account) / "cur").iterdir())) == 1

    async def refused(*_args: object) -> None:
        raise Unavailable("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(append, "place", refused)
        with pytest.raises(Unavailable):
            await store.append(account, inbox.id, [new()])
    assert len(list((store.files.maildir(account) / "cur").iterdir())) == 1


def test_file_and_directory_are_synced_after_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = MailFiles(tmp_path)
    target = files.path(1, "", "1.a", 0)
    files.write_now([FileWrite(b"", [files.path(1, "", "0.a", 0)])])
    order: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        order.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    def rename(source: str, destination: str) -> None:
        order.append("rename")
        real_rename(source, destination)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(durable.os, "rename", rename)
    files.write_now([FileWrite(b"content", [target])])
    assert order[0] == "rename"
    assert sorted(order[1:]) == sorted([str(target), str(target.parent)])
