"""What every part of the store works with: database, files, bell, settings, and whose transactions are scoped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from merpati.platform.db import Connection, Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store.blobs import MailFiles

_MAX_DIRECTORIES = 20_000


@dataclass(slots=True)
class Context:
    """Shared by the store's parts. `scoped`: every transaction is held to its account (the webmail's role)."""

    db: Database
    files: MailFiles
    bell: Bell | None
    settings: Settings
    scoped: bool = False
    listeners: defaultdict[int, set[Callable[[], None]]] = field(default_factory=lambda: defaultdict(set))
    directories: dict[tuple[int, int], str] = field(default_factory=dict)
    folders: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)

    def note_directory(self, account_id: int, mailbox_id: int, directory: str) -> None:
        """Remember where a folder's files are; `mail.place` says where that has changed."""
        if len(self.directories) >= _MAX_DIRECTORIES:
            self.directories.clear()
        self.directories[account_id, mailbox_id] = directory

    def remember_folder(self, account_id: int, name: str, mailbox_id: int, directory: str) -> None:
        """The same by the folder's name, which changes only together with the directory."""
        if len(self.folders) >= _MAX_DIRECTORIES:
            self.folders.clear()
        self.folders[account_id, name] = mailbox_id, directory

    @asynccontextmanager
    async def statement(self, account_id: int) -> AsyncIterator[Connection]:
        """A connection for one statement, which is a transaction of its own."""
        if self.scoped:
            async with self.db.transaction(account_id) as conn:
                yield conn
        else:
            async with self.db.connection() as conn:
                yield conn

    @asynccontextmanager
    async def transaction(self, account_id: int) -> AsyncIterator[Connection]:
        """A transaction of several statements."""
        async with self.db.transaction(account_id if self.scoped else None) as conn:
            yield conn

    def changed(self, account_id: int) -> None:
        """Tell everyone, here and in other processes, that the account's mail changed. After the commit."""
        for listener in tuple(self.listeners.get(account_id, ())):
            listener()
        if self.bell is not None:
            self.bell.ring_accounts([account_id])

    @property
    def grace(self) -> timedelta:
        """How long an expunged message's file is kept."""
        return timedelta(seconds=self.settings.expunge_grace)
