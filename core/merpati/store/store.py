"""The store's face: everything that services do with an account's mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from merpati.platform.db import Database
from merpati.platform.errors import NotFound
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store import append, changes, copying, mailboxes, names, reading, renames, sql
from merpati.store.blobs import MailFiles
from merpati.store.changes import Mode
from merpati.store.context import Context
from merpati.store.flags import NO_FLAGS, Flag
from merpati.store.model import (
    Appended,
    Copied,
    Expunged,
    FlagsStored,
    Mailbox,
    NewMessage,
    Quota,
    Snapshot,
)
from merpati.store.snapshots import snapshots

T = TypeVar("T")


class Store:
    """Accounts' mail: rows and files as one.

    Methods raise `NotFound`, `Conflict`, `Invalid`, `OverQuota`; `Unavailable` (also `DiskFull`) where
    Postgres or the disk cannot serve; `OutcomeUnknown` where a change may or may not have happened.
    `scoped` holds every transaction to its account by row-level security (the webmail's role).
    """

    def __init__(
        self, db: Database, files: MailFiles, bell: Bell | None, settings: Settings, *, scoped: bool = False
    ) -> None:
        self.files = files
        self.context = Context(db, files, bell, settings, scoped)
        self._snapshots = snapshots(self.context)
        self._folders = mailboxes.folders(self.context)

    # Folders

    async def mailboxes(self, account_id: int) -> list[Mailbox]:
        """All folders with their counts, by name."""
        return list((await self._folders.get((account_id, 0))).by_name.values())

    async def mailbox(self, account_id: int, name: str) -> Mailbox:
        """The folder of that name."""
        name = names.normalise(name)
        known = (await self._folders.get((account_id, 0))).by_name.get(name)
        # Another process may have made it a moment ago, and its bell be on the way.
        return known or await mailboxes.one(self.context, account_id, sql.MAILBOX_BY_NAME, name)

    async def mailbox_by_id(self, account_id: int, mailbox_id: int) -> Mailbox:
        """The folder of that id."""
        known = (await self._folders.get((account_id, 0))).by_id.get(mailbox_id)
        return known or await mailboxes.one(self.context, account_id, sql.MAILBOX_BY_ID, mailbox_id)

    async def special(self, account_id: int, special_use: str) -> Mailbox:
        """The folder of a special use, such as `\\Sent`."""
        for mailbox in (await self._folders.get((account_id, 0))).by_id.values():
            if mailbox.special_use == special_use:
                return mailbox
        return await mailboxes.one(self.context, account_id, sql.MAILBOX_BY_USE, special_use)

    async def create(self, account_id: int, name: str, special_use: str | None = None) -> Mailbox:
        """Make a folder, and those above it."""
        return await _finish(mailboxes.create(self.context, account_id, name, special_use))

    async def delete(self, account_id: int, name: str) -> None:
        """Remove a folder; its messages' files stay for the grace."""
        await _finish(mailboxes.delete(self.context, account_id, name))

    async def rename(self, account_id: int, old: str, new: str) -> None:
        """Rename a folder with those below it; INBOX gives its messages to the new folder (RFC 9051 6.3.6)."""
        if names.normalise(old) == names.INBOX:
            await _finish(self._rename_inbox(account_id, new))
        else:
            await _finish(renames.rename(self.context, account_id, old, new))

    async def _rename_inbox(self, account_id: int, new: str) -> None:
        inbox = await self.mailbox(account_id, names.INBOX)
        target = await mailboxes.create(self.context, account_id, new, None)
        snapshot = await self.snapshot(account_id, inbox.id)
        await copying.copy(self.context, account_id, inbox.id, snapshot.uids, target.id, move=True)

    async def subscribe(self, account_id: int, name: str, on: bool) -> None:
        """Subscribe to a folder, or no longer."""
        await mailboxes.subscribe(self.context, account_id, name, on)

    async def quota(self, account_id: int) -> Quota:
        """What the account holds and may hold."""
        async with self.context.statement(account_id) as conn:
            cursor = await conn.execute(sql.QUOTA, (self.context.settings.mailbox_size_limit, account_id))
            row = await cursor.fetchone()
        if row is None:
            raise NotFound("no such account")
        return Quota(*row)

    # A folder's messages

    async def snapshot(self, account_id: int, mailbox_id: int) -> Snapshot:
        """The folder now; without a question to Postgres where nothing changed."""
        return await self._snapshots.get((account_id, mailbox_id))

    async def claim_recent(self, account_id: int, mailbox_id: int) -> int:
        """The UID above which messages are \\Recent for this session, and for no later one (RFC 3501 2.3.2)."""
        async with self.context.statement(account_id) as conn:
            cursor = await conn.execute(sql.CLAIM_RECENT, {"account": account_id, "mailbox": mailbox_id})
            row = await cursor.fetchone()
        if row is None:
            raise NotFound("no such folder")
        self._folders.forget((account_id, 0))  # no bell: nobody else's view changes
        self._snapshots.forget((account_id, mailbox_id))
        return int(row[0])

    def rows(
        self, account_id: int, mailbox_id: int, uids: Iterable[int], columns: Sequence[str]
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Columns of `emails` and `mailbox_messages` (and `dir`) of each message, ascending by UID."""
        return reading.rows(self.context, account_id, mailbox_id, uids, columns)

    def messages(
        self, account_id: int, mailbox_id: int, uids: Iterable[int]
    ) -> AsyncIterator[tuple[int, bytes]]:
        """UID and bytes of each message, ascending by UID."""
        return reading.messages(self.context, account_id, mailbox_id, uids)

    async def read(self, account_id: int, mailbox_id: int, uid: int) -> bytes:
        """One message's bytes."""
        return await reading.read(self.context, account_id, mailbox_id, uid)

    def chunks(
        self, account_id: int, mailbox_id: int, uid: int, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """One message's bytes (from `start` to `end`) in pieces; close it (`contextlib.aclosing`) if you stop early."""
        return reading.chunks(self.context, account_id, mailbox_id, uid, start, end)

    async def read_at(self, account_id: int, mailbox_id: int, uid: int, place: tuple[str, str, int]) -> bytes:
        """One message's bytes, for a caller that has `dir`, `base` and `mirrored` from `rows`."""
        return await reading.read_at(self.context, account_id, mailbox_id, uid, place)

    # Changes. Each is finished even if its caller is cancelled: half of it would be a file without a row.

    async def append(self, account_id: int, mailbox_id: int, messages: Sequence[NewMessage]) -> Appended:
        """Add messages, all or none."""
        return await _finish(append.append(self.context, account_id, mailbox_id, messages))

    async def append_to(self, account_id: int, name: str, messages: Sequence[NewMessage]) -> Appended:
        """Add messages to the folder of that name, all or none."""
        return await _finish(append.append_to(self.context, account_id, name, messages))

    async def store_flags(
        self,
        account_id: int,
        mailbox_id: int,
        uids: Iterable[int],
        mode: Mode,
        flags: Flag = NO_FLAGS,
        keywords: frozenset[str] = frozenset(),
        unchanged_since: int | None = None,
    ) -> FlagsStored:
        """Set, add or remove flags and keywords."""
        return await _finish(
            changes.store_flags(
                self.context, account_id, mailbox_id, uids, mode, flags, keywords, unchanged_since
            )
        )

    async def copy(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], target_mailbox_id: int
    ) -> Copied:
        """Copy messages into a folder of the same account."""
        return await _finish(
            copying.copy(self.context, account_id, mailbox_id, uids, target_mailbox_id, move=False)
        )

    async def move(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], target_mailbox_id: int
    ) -> Copied:
        """Move messages into a folder of the same account."""
        return await _finish(
            copying.copy(self.context, account_id, mailbox_id, uids, target_mailbox_id, move=True)
        )

    async def expunge(
        self, account_id: int, mailbox_id: int, uids: Sequence[int] | None, *, only_deleted: bool = True
    ) -> Expunged:
        """Remove messages with \\Deleted (`only_deleted=False`: all that are named); None means every one."""
        return await _finish(
            changes.expunge(self.context, account_id, mailbox_id, uids, only_deleted=only_deleted)
        )


async def _finish(work: Coroutine[Any, Any, T]) -> T:
    return await asyncio.shield(asyncio.ensure_future(work))
