"""A maildrop: INBOX as it was at login, with the marks of one session, made true at QUIT.

No lock is taken (RFC 1939 4 wants one "as necessary"): the snapshot never changes, and the store still
serves messages that others expunge meanwhile, so a phone and a desktop may be logged in together.
"""

from __future__ import annotations

from merpati.store import Flag, Snapshot, Store
from merpati_imap_pop.pop3.replies import Refusal


class Maildrop:
    """Messages by number, from 1."""

    def __init__(self, store: Store, account_id: int, snapshot: Snapshot) -> None:
        self.store = store
        self.account_id = account_id
        self.mailbox_id = snapshot.mailbox.id
        self.deleted: set[int] = set()  # message numbers
        self.read: set[int] = set()
        self._snapshot = snapshot
        self._sizes: list[int] = []

    @classmethod
    async def open(cls, store: Store, account_id: int) -> Maildrop:
        inbox = await store.mailbox(account_id, "INBOX")
        return cls(store, account_id, await store.snapshot(account_id, inbox.id))

    def __len__(self) -> int:
        """Messages at login, the deleted ones included."""
        return len(self._snapshot.uids)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the messages that are not marked as deleted."""
        everything = range(1, len(self) + 1)
        return (
            [number for number in everything if number not in self.deleted] if self.deleted else [*everything]
        )

    def check(self, number: int) -> None:
        """Refuse a number that has no message (any more)."""
        if not 1 <= number <= len(self):
            raise Refusal(f"No such message, there are {len(self)}")
        if number in self.deleted:
            raise Refusal(f"Message {number} is deleted")

    def uid(self, number: int) -> int:
        return self._snapshot.uids[number - 1]

    def unique_id(self, number: int) -> bytes:
        """UIDL's identifier in Dovecot's default form, so that mail moved with its UIDs is not fetched again."""
        return b"%08X%08X" % (self.uid(number), self._snapshot.mailbox.uidvalidity)

    async def sizes(self) -> list[int]:
        """Octets of each message by index; asked for once."""
        if len(self._sizes) != len(self):
            rows = self.store.rows(self.account_id, self.mailbox_id, self._snapshot.uids, ("uid", "size"))
            known = {uid: size async for uid, size in rows}
            self._sizes = [known.get(uid, 0) for uid in self._snapshot.uids]
        return self._sizes

    async def size(self, number: int) -> int:
        return (await self.sizes())[number - 1]

    async def total(self) -> tuple[int, int]:
        """STAT: messages and octets that are not deleted. A client that only looks costs no query for sizes."""
        if not self.deleted:
            return len(self), self._snapshot.mailbox.size
        sizes = await self.sizes()
        return len(self) - len(self.deleted), sum(sizes) - sum([sizes[number - 1] for number in self.deleted])

    async def commit(self) -> None:
        """The UPDATE state (RFC 1939 6): what was read is \\Seen, what was marked is removed, nothing else."""
        flags = self._snapshot.flags
        seen = sorted(
            self.uid(number) for number in self.read - self.deleted if not flags[number - 1] & Flag.SEEN
        )
        if seen:
            await self.store.store_flags(self.account_id, self.mailbox_id, seen, "add", Flag.SEEN)
        if self.deleted:
            doomed = sorted(map(self.uid, self.deleted))
            await self.store.expunge(self.account_id, self.mailbox_id, doomed, only_deleted=False)
