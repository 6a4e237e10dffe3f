"""Random histories: several processes' stores against one simple model, compared after every step."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import Conflict, Invalid, NotFound
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store import Flag, MailFiles, NewMessage, Snapshot, Store
from merpati.store.findings import Findings
from merpati.store.mirror import mirror_flags
from merpati.store.purge import purge_due
from merpati.store.repair import Scope, compare
from merpati.store.retire import retire
from tests.unit.store.conftest import MakeAccount
from tests.unit.store.mail import letter

STEPS = 100
WORDS = ("kerja", "penting", "$Forwarded")
ALL_FLAGS = (Flag.SEEN, Flag.FLAGGED, Flag.DELETED, Flag.ANSWERED, Flag.DRAFT)


@dataclass
class Message:
    data: bytes
    flags: Flag
    keywords: frozenset[str]


@dataclass
class Folder:
    uidnext: int = 1
    messages: dict[int, Message] = field(default_factory=dict)


class Model:
    """What the store should hold: dictionaries."""

    def __init__(self) -> None:
        self.folders = {name: Folder() for name in ("INBOX", "Sent", "Drafts", "Trash", "Junk", "Archive")}

    def add(self, name: str, message: Message) -> int:
        folder = self.folders[name]
        uid = folder.uidnext
        folder.messages[uid] = Message(message.data, message.flags, message.keywords)
        folder.uidnext += 1
        return uid


class History:
    """One random history, played on stores that know of one another only through Postgres and the bell."""

    def __init__(self, seed: int, stores: list[Store], account: int) -> None:
        self.random = random.Random(seed)
        self.stores, self.account = stores, account
        self.worker = stores[-1].context
        self.model = Model()
        self.modseqs: dict[int, int] = {}

    @property
    def store(self) -> Store:
        return self.random.choice(self.stores[:-1])

    def some(self, name: str) -> list[int]:
        uids = list(self.model.folders[name].messages)
        chosen = self.random.sample(uids, self.random.randint(0, len(uids)))
        return [*chosen, 999_999]  # one that never was

    def flags(self) -> tuple[Flag, frozenset[str]]:
        mask = Flag(0)
        for flag in self.random.sample(ALL_FLAGS, self.random.randint(0, 3)):
            mask |= flag
        return mask, frozenset(self.random.sample(WORDS, self.random.randint(0, 2)))

    async def step(self) -> None:
        name = self.random.choice(list(self.model.folders))
        actions = [self.append] * 4 + [self.flag] * 4 + [self.copy, self.move, self.expunge] * 2
        actions += [self.create, self.rename, self.delete, self.mirror, self.retire, self.purge]
        await self.random.choice(actions)(name)

    async def append(self, name: str) -> None:
        box = await self.store.mailbox(self.account, name)
        batch = [
            Message(letter("x" * self.random.randint(0, 99)), *self.flags())
            for _ in range(self.random.randint(1, 4))
        ]
        new = [NewMessage(item.data, item.flags, item.keywords) for item in batch]
        appended = await self.store.append(self.account, box.id, new)
        assert list(appended.uids) == [self.model.add(name, item) for item in batch]

    async def flag(self, name: str) -> None:
        box = await self.store.mailbox(self.account, name)
        uids, mode, (flags, words) = (
            self.some(name),
            self.random.choice(["set", "add", "remove"]),
            self.flags(),
        )
        stored = await self.store.store_flags(self.account, box.id, uids, mode, flags, words)
        changed = []
        for uid in sorted(set(uids) & self.model.folders[name].messages.keys()):
            message = self.model.folders[name].messages[uid]
            before = (message.flags, message.keywords)
            if mode == "set":
                message.flags, message.keywords = flags, words
            elif mode == "add":
                message.flags, message.keywords = message.flags | flags, message.keywords | words
            else:
                message.flags, message.keywords = message.flags & ~flags, message.keywords - words
            if before != (message.flags, message.keywords):
                changed.append(uid)
        assert stored.updated == changed

    async def copy(self, name: str, *, move: bool = False) -> None:
        target = self.random.choice(list(self.model.folders))
        box, other = [await self.store.mailbox(self.account, item) for item in (name, target)]
        uids = self.some(name)
        act = self.store.move if move else self.store.copy
        copied = await act(self.account, box.id, uids, other.id)
        known = sorted(set(uids) & self.model.folders[name].messages.keys())
        assert copied.source_uids == known
        messages = [self.model.folders[name].messages[uid] for uid in known]
        assert copied.target_uids == [self.model.add(target, message) for message in messages]
        if move:
            for uid in known:
                del self.model.folders[name].messages[uid]

    async def move(self, name: str) -> None:
        await self.copy(name, move=True)

    async def expunge(self, name: str) -> None:
        box = await self.store.mailbox(self.account, name)
        uids = None if self.random.random() < 0.5 else self.some(name)
        gone = await self.store.expunge(self.account, box.id, uids)
        messages = self.model.folders[name].messages
        expected = [
            uid
            for uid, message in messages.items()
            if message.flags & Flag.DELETED and (uids is None or uid in uids)
        ]
        assert gone.uids == sorted(expected)
        for uid in expected:
            del messages[uid]

    def fresh_name(self) -> str:
        parts = [
            self.random.choice(["a", "b.c", "Proyék", "x & y"]) for _ in range(self.random.randint(1, 3))
        ]
        return "/".join(parts)

    async def create(self, _name: str) -> None:
        name = self.fresh_name()
        if name in self.model.folders:
            with pytest.raises(Conflict):
                await self.store.create(self.account, name)
            return
        await self.store.create(self.account, name)
        self._make(name)

    def _make(self, name: str) -> None:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            self.model.folders.setdefault("/".join(parts[:depth]), Folder())

    async def rename(self, name: str) -> None:
        new = self.fresh_name()
        folders = self.model.folders
        if name == "INBOX":
            if new in folders:
                with pytest.raises(Conflict):
                    await self.store.rename(self.account, name, new)
                return
            await self.store.rename(self.account, name, new)
            self._make(new)
            for message in folders["INBOX"].messages.values():
                self.model.add(new, message)
            folders["INBOX"].messages = {}
            return
        moving = [item for item in folders if item == name or item.startswith(name + "/")]
        targets = [new + item[len(name) :] for item in moving]
        if new == name or new.startswith(name + "/") or any(target in folders for target in targets):
            with pytest.raises((Conflict, Invalid)):
                await self.store.rename(self.account, name, new)
            return
        await self.store.rename(self.account, name, new)
        renamed = [folders.pop(item) for item in moving]
        self._make(new)
        folders.update(zip(targets, renamed, strict=True))

    async def delete(self, name: str) -> None:
        if name == "INBOX":
            with pytest.raises(Invalid):
                await self.store.delete(self.account, name)
            return
        await self.store.delete(self.account, name)
        del self.model.folders[name]
        with pytest.raises(NotFound):
            await self.store.mailbox(self.account, name)

    async def mirror(self, _name: str) -> None:
        await mirror_flags(self.worker, None)

    async def retire(self, _name: str) -> None:
        await retire(self.worker)

    async def purge(self, _name: str) -> None:
        if self.random.random() < 0.5:
            async with self.worker.db.connection() as conn:
                await conn.execute(
                    "UPDATE mail.unlink_log SET due = now() WHERE account_id = %s", (self.account,)
                )
        await purge_due(self.worker)

    async def check(self) -> None:
        """Every store sees what the model has; counters, quota and MODSEQs are right."""
        for store in self.stores:
            boxes = {box.name: box for box in await store.mailboxes(self.account)}
            assert boxes.keys() == self.model.folders.keys()
            for name, folder in self.model.folders.items():
                snapshot = await store.snapshot(self.account, boxes[name].id)
                assert snapshot.mailbox == boxes[name]
                self.check_folder(folder, snapshot)
        total = [item for folder in self.model.folders.values() for item in folder.messages.values()]
        quota = await self.store.quota(self.account)
        assert (quota.messages, quota.used) == (len(total), sum(len(item.data) for item in total))

    def check_folder(self, folder: Folder, snapshot: Snapshot) -> None:
        box = snapshot.mailbox
        messages = folder.messages
        assert list(snapshot.uids) == sorted(messages)
        assert list(snapshot.flags) == [messages[uid].flags for uid in sorted(messages)]
        assert snapshot.keywords == {uid: item.keywords for uid, item in messages.items() if item.keywords}
        assert box.uidnext == folder.uidnext
        assert (box.exists, box.unseen, box.deleted, box.size) == (
            len(messages),
            sum(not item.flags & Flag.SEEN for item in messages.values()),
            sum(bool(item.flags & Flag.DELETED) for item in messages.values()),
            sum(len(item.data) for item in messages.values()),
        )
        assert all(modseq <= box.modseq for modseq in snapshot.modseqs)
        assert self.modseqs.get(box.id, 0) <= box.modseq
        self.modseqs[box.id] = box.modseq

    async def finish(self) -> None:
        """Every byte can be read, each message has a file of its own, and files and rows agree."""
        for name, folder in self.model.folders.items():
            box = await self.store.mailbox(self.account, name)
            read = [data async for _, data in self.store.messages(self.account, box.id, folder.messages)]
            assert read == [folder.messages[uid].data for uid in sorted(folder.messages)]
        await mirror_flags(self.worker, None)
        findings = Findings(repair=False)
        await compare(self.worker, self.account, Scope(min_age=-1), findings)
        assert findings.found == []


class InstantBell(Bell):
    """What Valkey carries, without its delay: the test is about the store, and must not wait."""

    def ring(self, *channels: str) -> None:
        for channel in channels:
            self._call(channel)


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[list[Store]]:
    """Stores as of three processes: two hear one another's bell, the last asks Postgres each time."""
    bell = InstantBell(settings)
    made = []
    for role, ears in (("imap", bell), ("outbound", bell), ("worker", None)):
        database = Database(settings, role, max_size=3)
        await database.open()
        made.append(Store(database, MailFiles.of(settings), ears, settings))
    yield made
    for store in made:
        await store.context.db.close()
    await bell.close()


@pytest.mark.parametrize("seed", range(int(os.environ.get("MERPATI_TEST_SEEDS", "3"))))
async def test_the_store_does_what_the_model_does(
    stores: list[Store], new_account: MakeAccount, seed: int
) -> None:
    history = History(seed, stores, await new_account())
    for _ in range(STEPS):
        await history.step()
        await history.check()
    await history.finish()
