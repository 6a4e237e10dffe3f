"""POP3 as fetchmail and curl speak it."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from merpati.store import NewMessage, Snapshot
from merpati_imap_pop.pop3.protocol import Pop3Connection
from tests.protocol.services import mail_server
from tests.protocol.world import World

ADDRESS, PASSWORD = "tito@example.com", "rahasia"
MAILS = [
    b"From: a@example.com\r\nTo: tito@example.com\r\nSubject: mail %d\r\n\r\n.dotted\r\nbody %d\r\n"
    % (number, number)
    for number in range(5)
]


@dataclass
class Place:
    """Both ports of a server with one account, and a folder for the client's files."""

    world: World
    port: int
    tls_port: int
    home: Path
    account_id: int

    @property
    def ca(self) -> str:
        return str(self.world.settings.data / "tls" / "ca.pem")

    async def run(self, *command: str) -> bytes:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C"}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert process.returncode == 0, (command, output, errors)
        return output

    async def inbox(self) -> Snapshot:
        inbox = await self.world.store.mailbox(self.account_id, "INBOX")
        return await self.world.store.snapshot(self.account_id, inbox.id)


@pytest.fixture
async def place(world: World, tmp_path: Path) -> AsyncIterator[Place]:
    account_id = await world.do_account(ADDRESS, PASSWORD)
    async with mail_server(world, Pop3Connection) as (server, port):
        tls_port = await server.listen(Pop3Connection, 0, implicit_tls=True)
        place = Place(world, port, tls_port, tmp_path, account_id)
        inbox = await place.inbox()
        await world.store.append(account_id, inbox.mailbox.id, [NewMessage(mail) for mail in MAILS])
        yield place


async def fetchmail(place: Place, port: int, tls: str, *options: str) -> list[bytes]:
    """Run fetchmail; what it hands to its delivery program."""
    box = place.home / "box"
    settings = place.home / "fetchmailrc"
    settings.write_text(
        f'poll localhost protocol POP3 port {port} user "{ADDRESS}" password "{PASSWORD}"'
        f' {tls} sslcertfile {place.ca} mda "cat >> {shlex.quote(str(box))}"\n'
    )
    settings.chmod(0o700)
    files = ("--idfile", str(place.home / "ids"), "--pidfile", str(place.home / "pid"))
    await place.run("fetchmail", "-f", str(settings), "--nosyslog", *files, *options)
    text = box.read_bytes()
    return [line for line in text.splitlines() if line.startswith((b"Subject:", b".dotted", b"body"))]


def expected(*numbers: int) -> list[bytes]:
    return [line for n in numbers for line in (b"Subject: mail %d" % n, b".dotted", b"body %d" % n)]


async def test_fetchmail_takes_all_and_removes_it(place: Place) -> None:
    assert await fetchmail(place, place.tls_port, "ssl") == expected(0, 1, 2, 3, 4)
    assert len(await place.inbox()) == 0


async def test_fetchmail_keeps_and_knows_what_it_has(place: Place) -> None:
    """By STLS, with UIDL: the second poll fetches only what is new, also after others removed a message."""
    assert await fetchmail(place, place.port, "sslproto TLS1.2+", "--keep", "--uidl") == expected(
        0, 1, 2, 3, 4
    )
    inbox = await place.inbox()
    await place.world.store.expunge(place.account_id, inbox.mailbox.id, [2], only_deleted=False)
    await place.world.store.append(place.account_id, inbox.mailbox.id, [NewMessage(MAILS[1])])
    fetched = await fetchmail(place, place.port, "sslproto TLS1.2+", "--keep", "--uidl")
    assert fetched == expected(0, 1, 2, 3, 4, 1)
    assert list((await place.inbox()).uids) == [1, 3, 4, 5, 6]


@pytest.mark.parametrize("mechanism", ["", ";AUTH=PLAIN", ";AUTH=LOGIN"])
async def test_curl_lists_and_reads(place: Place, mechanism: str) -> None:
    user = ADDRESS.replace("@", "%40")
    ca = ("--silent", "--show-error", "--cacert", place.ca)
    clear = f"pop3://{user}{mechanism}:{PASSWORD}@localhost:{place.port}"
    inside = f"pop3s://{user}{mechanism}:{PASSWORD}@localhost:{place.tls_port}"
    listing = await place.run("curl", *ca, "--ssl-reqd", f"{clear}/")
    assert [line.split()[0] for line in listing.splitlines()] == [b"1", b"2", b"3", b"4", b"5"]
    assert await place.run("curl", *ca, f"{inside}/3") == MAILS[2]
    top = await place.run("curl", *ca, "--request", "TOP 3 1", f"{inside}/")
    assert top.splitlines()[-1] == b".dotted"
    await place.run("curl", *ca, "--request", "DELE", "--head", f"{inside}/3")
    assert list((await place.inbox()).uids) == [1, 2, 4, 5]
