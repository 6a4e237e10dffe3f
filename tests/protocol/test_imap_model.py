"""Random histories of several clients on two servers, against a model of the mailboxes (RFC 9051 as a whole)."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati_imap_pop.imap.protocol import ImapConnection
from tests.protocol.imap_client import ImapClient
from tests.protocol.services import mail_server
from tests.protocol.world import World

FOLDERS = ("INBOX", "Archive")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "$Label1")
Messages = dict[int, frozenset[str]]


@pytest.fixture
async def ports(world: World, database: Callable[..., Awaitable[Database]]) -> AsyncIterator[list[int]]:
    """Two servers that share nothing but Postgres, Valkey and the files, as two processes do."""
    async with AsyncExitStack() as stack:
        bell = Bell(world.settings)
        task = asyncio.create_task(bell.run())
        other = World(world.settings, await database("owner"), bell)
        other.passwords = world.passwords
        found = []
        for each in (world, other):
            _, port = await stack.enter_async_context(mail_server(each, ImapConnection))
            found.append(port)
        yield found
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await bell.close()


class Model:
    """What the mailboxes hold, kept by reading the servers' replies."""

    def __init__(self) -> None:
        self.folders: dict[str, Messages] = {name: {} for name in FOLDERS}

    def add(self, folder: str, uid: int, flags: frozenset[str]) -> None:
        assert uid > max(self.folders[folder], default=0), "a UID was used twice"
        self.folders[folder][uid] = flags


class History:
    """One random history."""

    def __init__(self, seed: int, clients: list[ImapClient]) -> None:
        self.chooser = random.Random(seed)
        self.clients = clients
        self.model = Model()

    async def step(self) -> None:
        client = self.chooser.choice(self.clients)
        action = self.chooser.choice(
            [
                self.append,
                self.append,
                self.store,
                self.store,
                self.expunge,
                self.copy,
                self.move,
                self.select,
            ]
        )
        await action(client)

    async def append(self, client: ImapClient) -> None:
        folder, flags = self.chooser.choice(FOLDERS), self._flags()
        text = b"Subject: %d\r\n\r\nx\r\n" % self.chooser.randrange(1000)
        reply, _ = await client.command(
            b'APPEND "%b" (%b) {%d+}\r\n%b' % (folder.encode(), " ".join(flags).encode(), len(text), text)
        )
        match = re.search(rb"APPENDUID \d+ (\d+)", reply)
        assert match, reply
        self.model.add(folder, int(match[1]), flags)

    def _flags(self) -> frozenset[str]:
        return frozenset(flag for flag in FLAGS if self.chooser.random() < 0.4)

    async def _known(self, client: ImapClient) -> list[int]:
        """Some UIDs of the client's folder, brought up to date so that model and client agree on what there is."""
        await settle(client, self.model)
        uids = list(self.model.folders[client.selected])
        return self.chooser.sample(uids, self.chooser.randrange(1, min(4, len(uids)) + 1)) if uids else []

    async def store(self, client: ImapClient) -> None:
        uids = await self._known(client)
        if not uids:
            return
        mode, flags = self.chooser.choice(["", "+", "-"]), self._flags()
        silent = self.chooser.choice([b"", b".SILENT"])
        named = ",".join(map(str, uids)).encode()
        await client.ok(
            b"UID STORE %b %bFLAGS%b (%b)" % (named, mode.encode(), silent, " ".join(flags).encode())
        )
        messages = self.model.folders[client.selected]
        for uid in uids:
            old = messages[uid]
            messages[uid] = flags if not mode else old | flags if mode == "+" else old - flags

    async def expunge(self, client: ImapClient) -> None:
        await settle(client, self.model)
        messages = self.model.folders[client.selected]
        doomed = {uid for uid, flags in messages.items() if "\\Deleted" in flags}
        untagged = await client.ok(b"EXPUNGE")
        assert sum(line.endswith(b" EXPUNGE\r\n") for line in untagged) == len(doomed)
        for uid in doomed:
            del messages[uid]

    async def copy(self, client: ImapClient) -> None:
        await self._transfer(client, b"COPY")

    async def move(self, client: ImapClient) -> None:
        await self._transfer(client, b"MOVE")

    async def _transfer(self, client: ImapClient, verb: bytes) -> None:
        uids = await self._known(client)
        if not uids:
            return
        target = self.chooser.choice(FOLDERS)
        reply, untagged = await client.command(
            b"UID %b %b %b" % (verb, ",".join(map(str, uids)).encode(), target.encode())
        )
        assert reply.startswith(b"OK"), reply
        match = re.search(rb"COPYUID \d+ (\S+) ([^\]]+)\]", b"".join([reply, *untagged]))
        assert match, (reply, untagged)
        source, copies = _numbers(match[1]), _numbers(match[2])
        assert source == sorted(uids)
        messages = self.model.folders[client.selected]
        for uid, copy in zip(source, copies, strict=True):
            self.model.add(target, copy, messages[uid])
        if verb == b"MOVE":
            for uid in uids:
                del messages[uid]

    async def select(self, client: ImapClient) -> None:
        await client.select(self.chooser.choice(FOLDERS))


def _numbers(text: bytes) -> list[int]:
    found: list[int] = []
    for item in text.decode().split(","):
        low, _, high = item.partition(":")
        found += range(int(low), int(high or low) + 1)
    return found


async def settle(client: ImapClient, model: Model) -> None:
    """Another server's change takes a moment to ring: ask until the client sees the model."""
    expected = list(model.folders[client.selected].items())
    async with asyncio.timeout(20):
        while True:
            await client.ok(b"NOOP")
            listing = await client.listing()
            assert [flags for _, flags in listing] == client.flags[: len(listing)]
            if listing == expected and len(client.flags) == len(expected):
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", range(6))
async def test_clients_of_two_servers_see_one_truth(seed: int, world: World, ports: list[int]) -> None:
    await world.do_account("tito@example.com", "rahasia")
    clients = [await ImapClient.connect(ports[n % 2], "tito@example.com", "rahasia") for n in range(4)]
    for client in clients:
        await client.select("INBOX")
    history = History(seed, clients)
    for _ in range(60):
        await history.step()
    for client in clients:
        await settle(client, history.model)
        client.close()


@pytest.mark.parametrize("seed", range(3))
async def test_clients_that_work_at_once_agree_in_the_end(seed: int, world: World, ports: list[int]) -> None:
    await world.do_account("tito@example.com", "rahasia")
    clients = [await ImapClient.connect(ports[n % 2], "tito@example.com", "rahasia") for n in range(6)]
    await asyncio.gather(*(client.select("INBOX") for client in clients))
    await asyncio.gather(*(_work(client, random.Random(seed * 100 + n)) for n, client in enumerate(clients)))
    async with asyncio.timeout(20):
        while True:
            for client in clients:
                await client.ok(b"NOOP")
            listings = [await client.listing() for client in clients]
            if all(listing == listings[0] for listing in listings):
                break
            await asyncio.sleep(0.01)
    uids = [uid for uid, _ in listings[0]]
    assert uids == sorted(set(uids))
    for client in clients:
        assert client.flags == [flags for _, flags in listings[0]]
        client.close()


async def _work(client: ImapClient, chooser: random.Random) -> None:
    """Random commands by message number, as a client that trusts what it was told may send them."""
    for _ in range(40):
        count = len(client.flags)
        number = chooser.randrange(1, count + 1) if count else 0
        flag = chooser.choice(FLAGS).encode()
        commands = [b"APPEND INBOX {3+}\r\nabc", b"NOOP", b"EXPUNGE"]
        if number:
            commands += [
                b"STORE %d +FLAGS (%b)" % (number, flag),
                b"STORE %d:* -FLAGS (%b)" % (number, flag),
                b"FETCH %d (FLAGS RFC822.SIZE BODY.PEEK[])" % number,
                b"SEARCH %d:* UNDELETED BODY abc" % number,
                b"COPY %d INBOX" % number,
                b"MOVE %d INBOX" % number,
            ]
        await client.ok(chooser.choice(commands))
