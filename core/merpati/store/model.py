"""What the store gives and takes: mailboxes, snapshots, messages to add, and the outcome of each change."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from merpati.store.flags import NO_FLAGS, Flag

SPECIAL_FOLDERS: tuple[tuple[str, str | None], ...] = (
    ("INBOX", None),
    ("Sent", "\\Sent"),
    ("Drafts", "\\Drafts"),
    ("Trash", "\\Trash"),
    ("Junk", "\\Junk"),
    ("Archive", "\\Archive"),
)
"""The folders that every account begins with, and their special use (RFC 6154)."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A folder and its counts, exact as of `modseq`."""

    account_id: int
    id: int
    name: str
    dir: str
    special_use: str | None
    subscribed: bool
    uidvalidity: int
    uidnext: int
    modseq: int  # HIGHESTMODSEQ
    floor: int  # the change log is complete above this
    exists: int
    unseen: int
    deleted: int
    size: int
    recent_uid: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folder's messages at one moment, shared by sessions; never changed, a change makes a new one."""

    mailbox: Mailbox
    uids: array[int]  # 'Q', ascending: a sequence number is an index plus one
    flags: array[int]  # 'H', bit masks of Flag
    modseqs: array[int]  # 'Q'
    keywords: Mapping[int, frozenset[str]]  # of those that have any, by UID
    version: int  # differs between two snapshots of a folder in one process

    def __len__(self) -> int:
        return len(self.uids)

    def index(self, uid: int) -> int | None:
        """Where `uid` stands, or None."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append; a `Path` is a finished file in `spool/tmp`, which the store takes over."""

    data: bytes | Path
    flags: Flag = NO_FLAGS
    keywords: frozenset[str] = frozenset()
    received_at: datetime | None = None  # aware; its zone is kept for INTERNALDATE


@dataclass(frozen=True, slots=True)
class Appended:
    """APPENDUID (RFC 4315), in the order of the messages."""

    uidvalidity: int
    uids: Sequence[int]
    modseq: int


@dataclass(frozen=True, slots=True)
class FlagsStored:
    """`updated`: those that really changed; `failed`: those changed since UNCHANGEDSINCE (MODIFIED, RFC 7162)."""

    modseq: int
    updated: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Copied:
    """COPYUID (RFC 4315): pairs, ascending by source."""

    uidvalidity: int
    source_uids: list[int]
    target_uids: list[int]
    modseq: int


@dataclass(frozen=True, slots=True)
class Expunged:
    """The UIDs that are gone; `modseq` is the folder's afterwards."""

    modseq: int
    uids: list[int]


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes and messages an account holds; a limit of 0 is none."""

    used: int
    limit: int
    messages: int
