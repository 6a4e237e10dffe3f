"""The one door: who gets what, in which file, with which headers, and what is left when it fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from merpati.delivery import Loop, Outcome, Undeliverable, head
from merpati.platform.db import Connection
from merpati.platform.errors import OutcomeUnknown, Unavailable
from merpati.store import SpooledFile, SpoolWriter
from tests.town import MESSAGE, Town


async def test_one_recipient_is_named_in_the_file(town: Town) -> None:
    tito = await town.account("tito")
    incoming = await town.incoming(town.at("tito"))
    delivered = await town.delivery.deliver(incoming)
    assert delivered.outcomes == {town.at("tito"): Outcome.DELIVERED}
    [path] = await town.inbox(tito)
    assert path.read_bytes() == (
        b"Return-Path: <tito@elsewhere.example>\r\n"
        b"Delivered-To: " + town.at("tito").encode() + b"\r\n"
        b"Received: from x\r\n\tby test with SMTP\r\n\tid 1\r\n\tfor <" + town.at("tito").encode() + b">;\r\n"
        b"\tTue, 24 Nov 2026 09:30:00 +0000\r\n" + MESSAGE
    )
    assert await town.trail(incoming.trace_id) == [
        ("accepted", "tito@elsewhere.example"),
        ("delivered", town.at("tito")),
    ]
    [(prefix_len, size)] = await town.rows(
        "SELECT prefix_len, size FROM mail.emails WHERE account_id = %s", tito
    )
    assert path.read_bytes()[prefix_len:].startswith(b"Received:")
    assert size == path.stat().st_size


async def test_several_recipients_share_one_inode_that_names_none(town: Town) -> None:
    accounts = [await town.account(name) for name in ("a", "b", "bcc")]
    await town.delivery.deliver(await town.incoming(*map(town.at, ("a", "b", "bcc"))))
    paths = [(await town.inbox(account))[0] for account in accounts]
    assert len({path.stat().st_ino for path in paths}) == 1
    assert town.domain.encode() not in paths[0].read_bytes().replace(MESSAGE, b"")


async def test_an_account_reached_twice_gets_one_copy(town: Town) -> None:
    tito = await town.account("tito")
    await town.alias("all", town.at("tito"))
    delivered = await town.delivery.deliver(await town.incoming(town.at("all"), town.at("tito")))
    assert set(delivered.outcomes.values()) == {Outcome.DELIVERED}
    assert len(await town.inbox(tito)) == 1


async def test_remote_targets_of_an_alias_are_queued_for_nobody(town: Town) -> None:
    tito = await town.account("tito")
    await town.alias("mixed", town.at("tito"), "far@away.example")
    incoming = await town.incoming(town.at("mixed"))
    await town.delivery.deliver(incoming)
    [(kind, account, recipient, original, file, prefix_len, size)] = await town.rows(
        "SELECT kind, account_id, recipient, original_recipient, file, prefix_len, size"
        " FROM queue.messages WHERE trace_id = %s",
        incoming.trace_id,
    )
    assert (kind, account, recipient, original) == ("remote", None, "far@away.example", town.at("mixed"))
    queued = town.files.root / file
    assert queued.samefile((await town.inbox(tito))[0])
    assert queued.read_bytes()[prefix_len:].startswith(b"Received:")
    assert size == queued.stat().st_size - prefix_len


async def test_a_full_member_waits_in_the_queue(town: Town) -> None:
    full, other = await town.account("full", quota=1), await town.account("other")
    town.delivery._planner._grace = 0
    await town.alias("both", town.at("full"), town.at("other"))
    incoming = await town.incoming(town.at("both"))
    delivered = await town.delivery.deliver(incoming)
    assert delivered.outcomes == {town.at("both"): Outcome.DELIVERED}
    assert await town.inbox(full) == []
    assert len(await town.inbox(other)) == 1
    assert await town.rows(
        "SELECT kind, recipient FROM queue.messages WHERE trace_id = %s", incoming.trace_id
    ) == [("local", town.at("full"))]


async def test_full_alone_stores_nothing(town: Town) -> None:
    full = await town.account("full", quota=1)
    town.delivery._planner._grace = 0
    incoming = await town.incoming(town.at("full"))
    with pytest.raises(Undeliverable) as caught:
        await town.delivery.deliver(incoming)
    assert caught.value.outcomes == {town.at("full"): Outcome.OVER_QUOTA}
    assert await town.inbox(full) == []
    assert await town.trail(incoming.trace_id) == []
    assert await town.delivery.full([full], 10) == {full}


async def test_unknown_beside_known(town: Town) -> None:
    await town.account("tito")
    incoming = await town.incoming(town.at("nobody"), town.at("tito"))
    delivered = await town.delivery.deliver(incoming)
    assert delivered.outcomes[town.at("nobody")] is Outcome.UNKNOWN
    rows = "SELECT kind, recipient FROM queue.messages WHERE trace_id = %s"
    assert await town.rows(rows, incoming.trace_id) == [("local", town.at("nobody"))]


@pytest.mark.parametrize(
    "header",
    [
        b"Received: from x by y; date\r\n" * 51,
        b"Received: from x by HOST with SMTP; date\r\n" * 5,
        b"Delivered-To: TITO@DOMAIN\r\n",
    ],
)
async def test_loops_are_refused(town: Town, header: bytes) -> None:
    await town.account("tito")
    header = header.replace(b"HOST", town.settings.myhostname.encode()).replace(
        b"DOMAIN", town.domain.encode()
    )
    with pytest.raises(Loop):
        await town.delivery.deliver(await town.incoming(town.at("tito"), content=header + MESSAGE))


async def test_the_door_is_open_to_well_travelled_mail(town: Town) -> None:
    await town.account("tito")
    header = b"Received: from x by y; date\r\n" * 50 + b"Delivered-To: other@elsewhere.example\r\n"
    await town.delivery.deliver(await town.incoming(town.at("tito"), content=header + MESSAGE))


async def test_what_waits_together_is_entered_together(town: Town) -> None:
    tito = await town.account("tito")
    statements = 0
    execute = town.delivery._committer._execute

    async def counted(plans: object) -> None:
        nonlocal statements
        statements += 1
        await execute(plans)  # type: ignore[arg-type]

    town.delivery._committer._execute = counted  # type: ignore[method-assign,assignment]
    mails = [await town.incoming(town.at("tito")) for _ in range(30)]
    await asyncio.gather(*map(town.delivery.deliver, mails))
    assert len(await town.inbox(tito)) == 30
    assert statements <= 3


async def test_one_bad_message_fails_alone(town: Town) -> None:
    tito = await town.account("tito")
    mails = [await town.incoming(town.at("tito")) for _ in range(10)]
    mails[4].trace_id = "\0bad"  # what Postgres can't store; real mail is cleaned before
    results = await asyncio.gather(*map(town.delivery.deliver, mails), return_exceptions=True)
    assert [index for index, item in enumerate(results) if isinstance(item, Unavailable)] == [4]
    assert len(await town.inbox(tito)) == 9


async def test_nul_and_surrogates_in_headers_are_stored(town: Town) -> None:
    tito = await town.account("tito")
    content = b"Subject: a\0b \xff\xfe\r\nMessage-ID: <\0\xff@x>\r\nFrom: \0 <a\0@b>\r\n\r\n\0\r\n"
    await town.delivery.deliver(await town.incoming(town.at("tito"), content=content))
    [path] = await town.inbox(tito)
    assert path.read_bytes().endswith(content)


async def test_a_spooled_message_is_linked_not_copied(town: Town) -> None:
    tito = await town.account("tito")
    probe = await town.incoming(town.at("tito"))
    room = len(head(probe.sender, probe.recipients, probe.trace))
    writer = SpoolWriter(town.files.new_spool_name(), room)
    writer.write(MESSAGE + b"x" * 300_000 + b"\r\n")
    inode = writer.path.stat().st_ino
    spooled = writer.finish()
    await town.delivery.deliver(await town.incoming(town.at("tito"), content=spooled))
    [path] = await town.inbox(tito)
    assert path.stat().st_ino == inode
    assert path.read_bytes().startswith(b"Return-Path: <tito@elsewhere.example>\r\nDelivered-To:")
    assert path.read_bytes().endswith(MESSAGE + b"x" * 300_000 + b"\r\n")
    assert not spooled.path.exists()


async def test_a_spooled_message_without_the_right_room_is_copied(town: Town) -> None:
    tito = await town.account("tito")
    writer = SpoolWriter(town.files.new_spool_name())
    writer.write(MESSAGE)
    spooled: SpooledFile = writer.finish()
    await town.delivery.deliver(
        await town.incoming(town.at("tito"), content=spooled, additions=b"X-Added: 1\r\n")
    )
    [path] = await town.inbox(tito)
    assert b"X-Added: 1\r\n" + MESSAGE in path.read_bytes()
    assert not spooled.path.exists()


async def test_nothing_is_left_where_files_cannot_be_written(town: Town) -> None:
    tito = await town.account("tito")
    incoming = await town.incoming(town.at("tito"))

    async def broken(_items: object) -> None:
        raise Unavailable("disk on fire")

    town.files.write = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        await town.delivery.deliver(incoming)
    assert await town.inbox(tito) == []
    assert await town.trail(incoming.trace_id) == []


async def test_a_server_process_that_dies_before_its_commit_leaves_nothing(town: Town) -> None:
    tito = await town.account("tito")
    incoming = await town.incoming(town.at("tito"))
    async with town.owner.transaction() as conn:
        await conn.execute("SELECT FROM mail.accounts WHERE account_id = %s FOR UPDATE", (tito,))
        task = asyncio.create_task(town.delivery.deliver(incoming))
        await _blocked(town)
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'merpati_smtp' AND wait_event_type = 'Lock'"
        )
        with pytest.raises(Unavailable):
            await task
    assert await town.inbox(tito) == []
    await town.delivery.deliver(incoming)
    assert len(await town.inbox(tito)) == 1


async def test_a_lost_answer_to_commit_is_asked_for(town: Town) -> None:
    """The connection breaks after Postgres committed and before it answered."""
    tito = await town.account("tito")
    incoming = await town.incoming(town.at("tito"))
    real = town.db.connection
    lost = False

    @asynccontextmanager
    async def losing() -> AsyncIterator[Connection]:
        nonlocal lost
        async with real() as conn:
            yield conn
            if not lost:
                lost = True
                pid = conn.info.backend_pid
                async with town.owner.connection() as other:
                    await other.execute("SELECT pg_terminate_backend(%s)", (pid,))
                raise OutcomeUnknown("lost")

    town.db.connection = losing  # type: ignore[method-assign]
    delivered = await town.delivery.deliver(incoming)
    assert delivered.outcomes == {town.at("tito"): Outcome.DELIVERED}
    assert len(await town.inbox(tito)) == 1


async def _blocked(town: Town) -> None:
    async with asyncio.timeout(10):
        while True:
            rows = await town.rows(
                "SELECT FROM pg_stat_activity WHERE usename = 'merpati_smtp' AND wait_event_type = 'Lock'"
            )
            if rows:
                return
            await asyncio.sleep(0.01)


async def test_no_spool_file_is_left_behind(town: Town) -> None:
    await town.account("tito")
    await town.delivery.deliver(await town.incoming(town.at("tito")))
    assert os.listdir(town.files.root / "spool" / "tmp") == []
