"""IMAP as Python's imaplib, curl, mbsync and neomutt speak it."""

from __future__ import annotations

import asyncio
import imaplib
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from merpati_imap_pop.imap.protocol import ImapConnection
from tests.protocol.imap_client import ImapClient
from tests.protocol.services import mail_server
from tests.protocol.world import World

ADDRESS, PASSWORD = "tito@example.com", "rahasia"
MESSAGE = b"From: Tito <tito@example.com>\r\nSubject: Halo\r\nMessage-ID: <1@example.com>\r\n\r\nisi\r\n"


@dataclass
class Place:
    """A server with one account, its ports, and a folder for the client's files."""

    port: int
    tls_port: int
    home: Path
    ca: str

    async def run(self, *command: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        assert process.returncode == 0, (command, output.decode())
        return output.decode()

    async def client(self) -> ImapClient:
        return await ImapClient.connect(self.port, ADDRESS, PASSWORD)


@pytest.fixture
async def place(world: World, tmp_path: Path) -> AsyncIterator[Place]:
    await world.do_account(ADDRESS, PASSWORD)
    async with mail_server(world, ImapConnection) as (server, port):
        tls_port = await server.listen(ImapConnection, 0, implicit_tls=True)
        yield Place(port, tls_port, tmp_path, str(world.settings.data / "tls" / "ca.pem"))


def _with_imaplib(place: Place, *, implicit: bool) -> None:
    context = ssl.create_default_context(cafile=place.ca)
    context.check_hostname = False
    if implicit:
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL("127.0.0.1", place.tls_port, ssl_context=context)
    else:
        client = imaplib.IMAP4("127.0.0.1", place.port)
        client.starttls(context)
    with client:
        client.login(ADDRESS, PASSWORD)
        assert client.append("INBOX", "(\\Flagged)", imaplib.Time2Internaldate(0), MESSAGE)[0] == "OK"
        assert client.select("INBOX") == ("OK", [b"1"])
        _, ((head, body), _) = client.fetch("1", "(FLAGS RFC822)")  # type: ignore[misc]
        assert body == MESSAGE
        assert b"\\Flagged \\Seen" in head
        assert client.search(None, "SUBJECT", "halo") == ("OK", [b"1"])
        assert client.store("1", "+FLAGS", "\\Deleted")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
async def test_imaplib(place: Place, implicit: bool) -> None:
    await asyncio.to_thread(_with_imaplib, place, implicit=implicit)


async def test_curl(place: Place) -> None:
    (place.home / "mail").write_bytes(MESSAGE)
    url = f"imaps://mail.example.com:{place.tls_port}"
    there = ("--resolve", f"mail.example.com:{place.tls_port}:127.0.0.1", "--cacert", place.ca)
    curl = ("curl", "-sS", "-u", f"{ADDRESS}:{PASSWORD}", *there)
    await place.run(*curl, f"{url}/Drafts", "-T", str(place.home / "mail"))
    assert "* SEARCH 1" in await place.run(*curl, f"{url}/Drafts?SUBJECT%20halo")
    assert "\nisi" in await place.run(*curl, f"{url}/Drafts;UID=1")


async def test_mbsync_both_ways(place: Place) -> None:
    (place.home / "mail").mkdir()
    (place.home / "rc").write_text(
        f"IMAPAccount us\nHost 127.0.0.1\nPort {place.port}\nUser {ADDRESS}\nPass {PASSWORD}\nSSLType None\n\n"
        "IMAPStore far\nAccount us\n\n"
        f"MaildirStore near\nPath {place.home}/mail/\nInbox {place.home}/mail/INBOX\nSubFolders Verbatim\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n"
    )
    mbsync = ("mbsync", "-c", str(place.home / "rc"), "-a")
    client = await place.client()
    for flags in (b"", b"\\Seen", b"\\Flagged"):
        await client.ok(b"APPEND INBOX (%b) {%d+}\r\n%b" % (flags, len(MESSAGE), MESSAGE))
    await place.run(*mbsync)
    inbox = place.home / "mail" / "INBOX"
    files = sorted([*inbox.glob("new/*"), *inbox.glob("cur/*")], key=lambda file: file.name)
    assert len(files) == 3
    assert {folder.name for folder in (place.home / "mail").iterdir()} >= {"Sent", "Drafts", "Trash", "INBOX"}
    seen = next(file for file in files if file.name.endswith(":2,S"))
    seen.rename(seen.with_name(seen.name.replace(":2,S", ":2,ST")))
    (inbox / "new" / "1.local").write_bytes(MESSAGE.replace(b"\r\n", b"\n"))
    await place.run(*mbsync)
    await client.select("INBOX")
    assert [flags for _, flags in await client.listing()] == [frozenset(), {"\\Flagged"}, frozenset()]


async def test_neomutt(place: Place) -> None:
    client = await place.client()
    await client.ok(b"APPEND INBOX {%d+}\r\n%b" % (len(MESSAGE), MESSAGE))
    (place.home / "rc").write_text(
        f'set folder="imap://127.0.0.1:{place.port}/"\nset imap_user="{ADDRESS}"\nset imap_pass="{PASSWORD}"\n'
        'set ssl_starttls=no\nset ssl_force_tls=no\nset spoolfile="+INBOX"\nset header_cache=""\nset imap_idle=yes\n'
        "set imap_condstore=yes\nset wait_key=no\nset quit=yes\nset confirmappend=no\nset mark_old=no\n"
    )
    keys = "<display-message><exit><flag-message><copy-message>+Archive<enter><sync-mailbox><quit>"
    neomutt = f"neomutt -F {place.home}/rc -e 'push {keys}'"
    await place.run("script", "-qec", neomutt, "/dev/null")
    await client.select("INBOX")
    assert [flags for _, flags in await client.listing()] == [{"\\Seen", "\\Flagged"}]
    await client.select("Archive")
    assert len(client.flags) == 1
