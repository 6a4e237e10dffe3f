"""The store's first promises: what was appended is there, in rows and in files."""

from __future__ import annotations

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import Invalid
from merpati.platform.settings import Settings
from merpati.store import Flag, NewMessage, Store

MAIL = (
    b"From: tito@example.com\r\nTo: iqbal@example.com\r\nSubject: Halo\r\nMessage-ID: <1@example.com>\r\n"
    b"\r\nApa kabar?\r\n"
)


async def test_every_account_begins_with_the_special_folders(store: Store, account: int) -> None:
    folders = {folder.name: folder for folder in await store.mailboxes(account)}
    assert {name: folder.special_use for name, folder in folders.items()} == {
        "INBOX": None,
        "Sent": "\\Sent",
        "Drafts": "\\Drafts",
        "Trash": "\\Trash",
        "Junk": "\\Junk",
        "Archive": "\\Archive",
    }
    assert all(folder.subscribed and folder.exists == 0 for folder in folders.values())


async def test_an_appended_message_is_read_back(store: Store, account: int) -> None:
    inbox = await store.mailbox(account, "inbox")
    appended = await store.append(account, inbox.id, [NewMessage(MAIL, Flag.SEEN, frozenset({"work"}))])
    assert appended.uids == [1] and appended.uidvalidity == inbox.uidvalidity
    snapshot = await store.snapshot(account, inbox.id)
    assert list(snapshot.uids) == [1] and list(snapshot.flags) == [Flag.SEEN]
    assert snapshot.keywords == {1: frozenset({"work"})}
    assert (snapshot.mailbox.exists, snapshot.mailbox.unseen, snapshot.mailbox.size) == (1, 0, len(MAIL))
    assert await store.read(account, inbox.id, 1) == MAIL
    found = [
        row async for row in store.rows(account, inbox.id, [1, 2], ["uid", "subject", "message_id", "size"])
    ]
    assert found == [(1, "Halo", "<1@example.com>", len(MAIL))]


async def test_a_large_message_is_read_in_pieces(store: Store, account: int) -> None:
    inbox = await store.mailbox(account, "INBOX")
    large = MAIL + b"0123456789abcdef\r\n" * 40_000
    (uid,) = (await store.append(account, inbox.id, [NewMessage(large)])).uids
    pieces = [piece async for piece in store.chunks(account, inbox.id, uid)]
    assert len(pieces) > 1 and b"".join(pieces) == large


async def test_flags_copy_move_and_expunge(store: Store, account: int) -> None:
    inbox, trash = await store.mailbox(account, "INBOX"), await store.mailbox(account, "Trash")
    await store.append(account, inbox.id, [NewMessage(MAIL)] * 4)
    stored = await store.store_flags(
        account, inbox.id, [1, 2, 9], "add", Flag.SEEN | Flag.DELETED, frozenset({"b", "a"})
    )
    assert stored.updated == [1, 2] and not stored.failed
    again = await store.store_flags(account, inbox.id, [1, 2], "add", Flag.SEEN)
    assert again.updated == [] and again.modseq == stored.modseq
    stale = await store.store_flags(
        account, inbox.id, [1, 3], "remove", Flag.SEEN, unchanged_since=stored.modseq - 1
    )
    assert stale.failed == [1]
    copied = await store.copy(account, inbox.id, [2, 3], trash.id)
    assert (copied.source_uids, copied.target_uids) == ([2, 3], [1, 2])
    moved = await store.move(account, inbox.id, [4], trash.id)
    assert (moved.source_uids, moved.target_uids) == ([4], [3])
    expunged = await store.expunge(account, inbox.id, None)
    assert expunged.uids == [1, 2]
    snapshot = await store.snapshot(account, inbox.id)
    assert list(snapshot.uids) == [3]
    assert await store.read(account, trash.id, 3) == MAIL
    assert await store.read(account, inbox.id, 1) == MAIL  # a session may still show it
    quota = await store.quota(account)
    assert (quota.messages, quota.used) == (4, 4 * len(MAIL))


async def test_folders_are_made_renamed_and_deleted(store: Store, account: int) -> None:
    made = await store.create(account, "Kerja/2026/Proyék. A&B")
    await store.append(account, made.id, [NewMessage(MAIL)])
    await store.rename(account, "Kerja", "Arsip/Lama")
    names = [folder.name for folder in await store.mailboxes(account)]
    assert "Arsip" in names and "Arsip/Lama/2026/Proyék. A&B" in names and "Kerja/2026" not in names
    assert await store.read(account, made.id, 1) == MAIL
    await store.rename(account, "INBOX", "Surat")
    await store.delete(account, "Arsip/Lama/2026/Proyék. A&B")
    assert made.id not in [folder.id for folder in await store.mailboxes(account)]


async def test_an_append_follows_a_folder_that_was_renamed_elsewhere(
    store: Store, imap: Database, settings: Settings, account: int
) -> None:
    made = await store.create(account, "Lama")
    await store.append(account, made.id, [NewMessage(MAIL)])
    await Store(imap, store.files, None, settings).rename(account, "Lama", "Baru")
    await store.append(account, made.id, [NewMessage(MAIL)])
    assert len(list((store.files.maildir(account, ".Baru") / "cur").iterdir())) == 2
    assert (await store.mailbox(account, "Baru")).exists == 2


@pytest.mark.parametrize(
    "words", [{"two words"}, {""}, {"é"}, {"x" * 256}, {str(number) for number in range(101)}]
)
async def test_what_is_no_keyword_is_refused(store: Store, account: int, words: set[str]) -> None:
    inbox = await store.mailbox(account, "INBOX")
    with pytest.raises(Invalid):
        await store.append(account, inbox.id, [NewMessage(MAIL, keywords=frozenset(words))])
    with pytest.raises(Invalid):
        await store.store_flags(account, inbox.id, [1], "add", keywords=frozenset(words))


async def test_keywords_of_one_message_are_bounded(store: Store, account: int) -> None:
    inbox = await store.mailbox(account, "INBOX")
    await store.append(account, inbox.id, [NewMessage(MAIL)])
    for start in range(0, 700, 100):
        words = frozenset(f"k{number}" for number in range(start, start + 100))
        await store.store_flags(account, inbox.id, [1], "add", keywords=words)
    assert len((await store.snapshot(account, inbox.id)).keywords[1]) == 500
