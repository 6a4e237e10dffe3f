"""Where letters go: into Drafts, and out through `submission` in the account's own transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from weakref import WeakValueDictionary

from merpati import message
from merpati.directory import Directory
from merpati.platform.errors import NotFound
from merpati.store import Flag, NewMessage, Store
from merpati.submission import Letter as SubmittedLetter
from merpati.submission import submit_from_webmail
from merpati_webmail import composer, filenames, reading
from merpati_webmail.composer import File, Letter
from merpati_webmail.keys import MessageKey, Origin, PartKey

_LOOKED_AT = 50  # newest letters in Sent


async def fetch(store: Store, account_id: int, keys: Sequence[PartKey], room: int) -> list[File] | None:
    """The attachments that a letter takes over from stored messages; None where they exceed `room`."""
    files: list[File] = []
    read: dict[MessageKey, bytes] = {}
    for key in keys:
        if key.message not in read:
            read[key.message] = await store.read(account_id, key.message.mailbox_id, key.message.uid)
        file = await asyncio.to_thread(_file, read[key.message], key.number)
        room -= len(file.content)
        if room < 0:
            return None
        files.append(file)
    return files


def _file(data: bytes, number: str) -> File:
    part = message.parse(data).find(number)
    if part is None or part.type == "multipart":
        raise NotFound("an attachment is no longer there")
    content = data[part.body_start : part.end] if part.message is not None else part.content(data)
    return File(filenames.safe_name(part.filename, part.content_type), part.content_type, content)


async def thread(store: Store, account_id: int, origin: Origin | None) -> tuple[str, str]:
    """In-Reply-To and References for an answer to `origin`; none where it is gone or merely forwarded."""
    if origin is None or origin.kind != "reply":
        return "", ""
    try:
        data = await store.read(account_id, origin.message.mailbox_id, origin.message.uid)
    except NotFound:
        return "", ""
    mail = await asyncio.to_thread(reading.read, data)
    return composer.thread_headers(mail.message_id, mail.references)


async def save(
    store: Store, account_id: int, letter: Letter, origin: Origin | None, old: MessageKey | None
) -> MessageKey:
    """Keep the letter in Drafts in place of its older state; gives its key."""
    drafts = next(
        (item for item in await store.mailboxes(account_id) if item.special_use == "\\Drafts"), None
    ) or await store.create(account_id, "Drafts", "\\Drafts")
    data = await asyncio.to_thread(
        composer.build, letter, datetime.now().astimezone(), origin=str(origin or "")
    )
    appended = await store.append(
        account_id, drafts.id, [NewMessage(data, Flag.DRAFT | Flag.SEEN, received_at=None)]
    )
    await forget(store, account_id, old)
    return MessageKey(drafts.id, appended.uids[0])


async def forget(store: Store, account_id: int, draft: MessageKey | None) -> None:
    """Remove a draft that was saved anew or sent. Only ever a message marked as a draft."""
    if draft is None:
        return
    try:
        snapshot = await store.snapshot(account_id, draft.mailbox_id)
    except NotFound:
        return
    index = snapshot.index(draft.uid)
    if index is not None and snapshot.flags[index] & Flag.DRAFT:
        await store.expunge(account_id, draft.mailbox_id, [draft.uid], only_deleted=False)


async def mark_origin(store: Store, account_id: int, origin: Origin | None) -> None:
    """Mark what was answered or forwarded ($Forwarded: RFC 5788)."""
    if origin is None:
        return
    try:
        if origin.kind == "reply":
            await store.store_flags(
                account_id, origin.message.mailbox_id, [origin.message.uid], "add", Flag.ANSWERED
            )
        else:
            await store.store_flags(
                account_id,
                origin.message.mailbox_id,
                [origin.message.uid],
                "add",
                keywords=frozenset({"$Forwarded"}),
            )
    except NotFound:
        return


class Locks:
    """One letter of an account at a time: the second of two equal requests finds the first one's copy."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def of(self, account_id: int) -> asyncio.Lock:
        """The account's lock; it lives as long as somebody holds it."""
        return self._locks.setdefault(account_id, asyncio.Lock())


async def is_sent(store: Store, account_id: int, letter: Letter) -> bool:
    """Whether the same form was sent before: pressed twice, or again after an uncertain answer."""
    sent = next((item for item in await store.mailboxes(account_id) if item.special_use == "\\Sent"), None)
    if sent is None:
        return False
    newest = (await store.snapshot(account_id, sent.id)).uids[-_LOOKED_AT:]
    rows = store.rows(account_id, sent.id, newest, ["message_id"])
    return letter.message_id in [message_id async for (message_id,) in rows]


async def send(store: Store, directory: Directory, account_id: int, letter: Letter, client: str) -> None:
    """Keep the letter in Sent and put it into the queue for everybody; delivering is `outbound`'s."""
    data = await asyncio.to_thread(composer.build, letter, datetime.now().astimezone())
    await submit_from_webmail(
        store,
        directory,
        SubmittedLetter(
            account_id=account_id,
            sender=letter.sender.addr_spec,
            recipients=letter.recipients,
            data=data,
            client=client,
        ),
    )
