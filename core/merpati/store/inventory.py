"""What lies on disk and what the rows know of it: the two lists that repair compares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from merpati.platform.db import Connection
from merpati.store.blobs import EXPUNGED, MailFiles
from merpati.store.flags import split_name

Key = tuple[str, str]
"""A file's place and identity: the folder's directory, and the name before `:2,`."""


@dataclass(slots=True)
class Row:
    """A live message of the rows."""

    mailbox_id: int
    uid: int
    mirrored: int


@dataclass(slots=True)
class Inventory:
    """One account, on disk and in rows. The disk is read first: what it shows is older than the rows."""

    account_id: int
    disk: dict[Key, list[str]] = field(
        default_factory=dict
    )  # paths: more than one where a rename was cut short
    rows: dict[Key, Row] = field(default_factory=dict)
    gone: set[Key] = field(default_factory=set)  # in the unlink log

    def unknown(self) -> list[Key]:
        """Files that no row and no unlink names."""
        return [key for key in self.disk if key not in self.rows and key not in self.gone]

    def missing(self) -> list[Key]:
        """Rows without a file."""
        return [key for key in self.rows if key not in self.disk]

    def misnamed(self, files: MailFiles) -> list[Key]:
        """Rows whose file has other flags in its name than the row says, or two names."""
        return [
            key
            for key, row in self.rows.items()
            if key in self.disk and self.disk[key] != [files.name(self.account_id, *key, row.mirrored)]
        ]


def list_disk(files: MailFiles, account_id: int) -> dict[Key, list[str]]:
    """Every message file below an account's Maildir."""
    found: dict[Key, list[str]] = {}
    for directory, folder in _folders(files, account_id):
        for sub in ("cur", "new"):
            path = os.path.join(folder, sub)
            if not os.path.isdir(path):
                continue
            for entry in os.scandir(path):
                if entry.is_file(follow_symlinks=False):
                    found.setdefault((directory, split_name(entry.name)[0]), []).append(
                        f"{path}/{entry.name}"
                    )
    return found


def _folders(files: MailFiles, account_id: int) -> Iterator[tuple[str, str]]:
    yield EXPUNGED, str(files.maildir(account_id, EXPUNGED))
    maildir = str(files.maildir(account_id))
    if not os.path.isdir(maildir):
        return
    yield "", maildir
    for entry in os.scandir(maildir):
        if entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield entry.name, f"{maildir}/{entry.name}"


async def read_rows(conn: Connection, inventory: Inventory) -> None:
    """Fill in what the rows know."""
    cursor = await conn.execute(
        """SELECT b.dir, m.base, m.mailbox_id, m.uid, m.mirrored FROM mail.mailbox_messages m
             JOIN mail.mailboxes b ON b.account_id = m.account_id AND b.id = m.mailbox_id
            WHERE m.account_id = %s""",
        (inventory.account_id,),
        binary=True,
    )
    for directory, base, *row in await cursor.fetchall():
        inventory.rows[directory, base] = Row(*row)
    cursor = await conn.execute(
        "SELECT dir, base FROM mail.unlink_log WHERE account_id = %s", (inventory.account_id,), binary=True
    )
    for directory, base in await cursor.fetchall():  # in one place, or on the way to the other
        inventory.gone.update(((directory, base), (EXPUNGED, base)))
