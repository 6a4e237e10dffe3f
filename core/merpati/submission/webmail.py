"""Submission from the browser: the Sent copy and the queue rows, in one transaction held to the account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import psycopg

from merpati.delivery import SQLSTATE_NOT_PLACED, committed, enter_statement
from merpati.directory import Directory, fold_address, split_address
from merpati.message import Summary, summarise
from merpati.platform import mail_events
from merpati.platform.db import Connection
from merpati.platform.errors import (
    Denied,
    Invalid,
    MerpatiError,
    OutcomeUnknown,
    OverQuota,
    Throttled,
    Unavailable,
)
from merpati.platform.events import QUEUE
from merpati.platform.mail_events import MailEvent
from merpati.platform.trace import new_trace_id
from merpati.queue import NewQueueRow, enqueue_arguments, make_spool, new_file
from merpati.store import FileWrite, Flag, Mailbox, Placement, Store, place_arguments
from merpati.submission.complete import authors, header_of, missing, without_bcc
from merpati.submission.sql import SUBMITTED

SENT = "\\Sent"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a browser sends. `data` is the whole message, Bcc included; lines end with CRLF."""

    account_id: int
    sender: str
    recipients: Sequence[str]
    data: bytes
    client: str = ""


async def submit_from_webmail(store: Store, directory: Directory, letter: Letter) -> str:
    """Keep the Sent copy and queue the letter for everybody; gives its trace id. Nothing is delivered here.

    Raises `Invalid`, `Denied`, `Throttled`, `OverQuota`, `Unavailable` and its kinds: then nothing was sent.
    """
    recipients = await _check(store, directory, letter)
    ready = await asyncio.to_thread(_prepare, letter, store.context.settings.myhostname)
    sent = await _sent_folder(store, letter.account_id)
    entry = _Entry(letter, ready, await _local(directory, recipients))
    await _enter(store, entry, sent)
    store.context.changed(letter.account_id)
    if store.context.bell is not None:
        store.context.bell.ring(QUEUE)
    return ready.trace_id


async def _check(store: Store, directory: Directory, letter: Letter) -> list[str]:
    settings = store.context.settings
    recipients = list(dict.fromkeys(map(fold_address, letter.recipients)))
    if not recipients:
        raise Invalid("the letter has no recipient")
    if len(recipients) > settings.smtp_recipient_limit:
        raise Invalid(f"a letter can have {settings.smtp_recipient_limit} recipients at most")
    if len(letter.data) > settings.message_size_limit:
        raise Invalid("the letter is too big")
    for address in {letter.sender, *authors(header_of(letter.data))}:
        if not await directory.may_send_as(letter.account_id, address):
            raise Denied(f"{address} is not yours to write from")
    return recipients


async def _local(directory: Directory, recipients: Sequence[str]) -> dict[str, bool]:
    """Each recipient, and whether its domain is ours: then the queue's worker delivers it here."""
    return {item: await directory.is_local_domain(split_address(item)[1]) for item in recipients}


async def _sent_folder(store: Store, account_id: int) -> Mailbox:
    for mailbox in await store.mailboxes(account_id):
        if mailbox.special_use == SENT:
            return mailbox
    return await store.create(account_id, "Sent", SENT)


@dataclass(frozen=True, slots=True)
class _Ready:
    """The letter twice: as its writer keeps it, and as it goes."""

    trace_id: str
    now: datetime
    copy: bytes
    summary: Summary
    outgoing: bytes


def _prepare(letter: Letter, hostname: str) -> _Ready:
    trace_id = new_trace_id()
    now = datetime.now().astimezone()
    added = missing(header_of(letter.data), letter.sender, trace_id, now)
    received = (
        f"Received: by {hostname} (Merpati) with HTTP\r\n\tid {trace_id};\r\n\t{format_datetime(now)}\r\n"
    )
    copy = added + letter.data
    return _Ready(trace_id, now, copy, summarise(copy), received.encode() + added + without_bcc(letter.data))


@dataclass(slots=True)
class _Entry:
    """The rows and files of one letter."""

    letter: Letter
    ready: _Ready
    recipients: dict[str, bool]
    rows: list[NewQueueRow] = field(default_factory=list)

    def make_rows(self) -> None:
        for address, local in self.recipients.items():
            self.rows.append(
                NewQueueRow(
                    trace_id=self.ready.trace_id,
                    kind="local" if local else "remote",
                    account_id=self.letter.account_id,
                    sender=self.letter.sender,
                    recipient=address,
                    original_recipient=None,
                    file=new_file(self.ready.trace_id),
                    prefix_len=0,
                    size=len(self.ready.outgoing),
                    eightbit=not self.ready.outgoing.isascii(),
                    smtputf8=not address.isascii(),
                )
            )

    def placement(self, sent: Mailbox, base: str) -> Placement:
        offset = self.ready.now.utcoffset()
        return Placement(
            account_id=self.letter.account_id,
            mailbox_id=sent.id,
            dir=sent.dir,
            base=base,
            summary=self.ready.summary,
            file_size=len(self.ready.copy),
            trace_id=self.ready.trace_id,
            received_at=self.ready.now,
            received_offset=int(offset.total_seconds() // 60) if offset else 0,
            flags=Flag.SEEN,
        )

    def events(self) -> list[MailEvent]:
        detail = {
            "client": self.letter.client,
            "protocol": "HTTP",
            "size": len(self.ready.outgoing),
            "recipients": len(self.recipients),
        }
        accepted = MailEvent(
            self.ready.trace_id,
            mail_events.ACCEPTED,
            self.letter.sender,
            self.ready.summary.message_id,
            detail,
        )
        return [
            accepted,
            *(MailEvent(self.ready.trace_id, mail_events.QUEUED, address) for address in self.recipients),
        ]


async def _enter(store: Store, entry: _Entry, sent: Mailbox) -> None:
    files = store.files
    await asyncio.to_thread(make_spool, files.root)
    entry.make_rows()
    base = files.unique_base(len(entry.ready.copy))
    writes = [
        FileWrite(entry.ready.copy, [files.path(sent.account_id, sent.dir, base, int(Flag.SEEN))]),
        FileWrite(entry.ready.outgoing, [files.root / row.file for row in entry.rows]),
    ]
    await files.write(writes)
    try:
        await _transact(store, entry, entry.placement(sent, base))
    except OutcomeUnknown:
        raise  # the rows may be there: the files stay
    except (MerpatiError, psycopg.Error) as error:
        await files.discard(target for write in writes for target in write.targets)
        if isinstance(error, MerpatiError):
            raise
        if error.sqlstate == SQLSTATE_NOT_PLACED:
            raise OverQuota("the mailbox has no room for a copy of the letter") from error
        raise Unavailable("the letter could not be entered") from error


async def _transact(store: Store, entry: _Entry, placement: Placement) -> None:
    context = store.context
    account_id = entry.letter.account_id
    events = entry.events()
    arguments: list[Any] = [
        *place_arguments([placement], context.settings.mailbox_size_limit),
        *enqueue_arguments(entry.rows, context.settings.queue_lifetime),
        [account_id],
        [len(entry.recipients)],
        *mail_events.arguments(events),
    ]
    backend = 0
    try:
        async with context.transaction(account_id) as conn:
            backend = conn.info.backend_pid
            await _check_limit(conn, account_id, len(entry.recipients), context.settings.submission_rate)
            await conn.execute(enter_statement(placements=True, rows=True, submitted=True), arguments)
    except OutcomeUnknown as error:
        if not await committed(context.db, events[0], backend):
            raise Unavailable("the database was lost before the letter was entered") from error


async def _check_limit(conn: Connection, account_id: int, recipients: int, limit: int) -> None:
    row = await (await conn.execute(SUBMITTED, (account_id,))).fetchone()
    if limit and (int(row[0]) if row else 0) + recipients > limit:
        raise Throttled(f"you can write to {limit} recipients in a day")
