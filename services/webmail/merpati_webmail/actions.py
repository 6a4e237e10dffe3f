"""What is done to messages of a folder: mark, flag, move, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merpati.platform.errors import NotFound
from merpati.store import Flag, Mailbox, Mode, Store
from merpati_webmail import folders

MARKS: Mapping[str, tuple[Mode, Flag]] = {
    "read": ("add", Flag.SEEN),
    "unread": ("remove", Flag.SEEN),
    "flag": ("add", Flag.FLAGGED),
    "unflag": ("remove", Flag.FLAGGED),
}


async def mark(store: Store, mailbox: Mailbox, uids: Sequence[int], name: str) -> None:
    """Set or take away a flag; `name` is a key of MARKS."""
    mode, flag = MARKS[name]
    await store.store_flags(mailbox.account_id, mailbox.id, uids, mode, flag)


async def purge(store: Store, mailbox: Mailbox, uids: Sequence[int]) -> None:
    """Delete for good; only these, whatever else other clients have marked \\Deleted."""
    await store.expunge(mailbox.account_id, mailbox.id, uids, only_deleted=False)


async def to_trash(store: Store, mailbox: Mailbox, uids: Sequence[int], all_of: Sequence[Mailbox]) -> None:
    """Move to the trash."""
    trash = folders.special(all_of, "\\Trash")
    if trash is None:  # an IMAP client removed it
        trash = await store.create(mailbox.account_id, "Trash", "\\Trash")
    await store.move(mailbox.account_id, mailbox.id, uids, trash.id)


async def move(store: Store, mailbox: Mailbox, uids: Sequence[int], target: Mailbox | None) -> None:
    """Move to another folder."""
    if target is None:
        raise NotFound("no such folder")
    if target.id != mailbox.id:
        await store.move(mailbox.account_id, mailbox.id, uids, target.id)
