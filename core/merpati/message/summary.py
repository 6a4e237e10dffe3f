"""Summary: everything that the store keeps of a message, made in one pass."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from merpati.message import wire
from merpati.message.addresses import addresses
from merpati.message.charsets import clean
from merpati.message.dates import parse_date
from merpati.message.headers import LISTED, select_lines, unfold
from merpati.message.limits import (
    MAX_ADDRESS_TEXT,
    MAX_HEADER,
    MAX_IDENTIFIER,
    MAX_REFERENCES,
    MAX_SUBJECT,
    REMEMBERED_FIELD,
)
from merpati.message.part import Part
from merpati.message.parts import parse
from merpati.message.preview import preview
from merpati.message.readable import readable
from merpati.message.words import decode_header

_IDENTIFIER = re.compile(rb"<[^<>\s]+>")


@dataclass(frozen=True, slots=True)
class Summary:
    """What is stored in `emails`; text is fit for Postgres (no NUL, no lone surrogate)."""

    size: int
    envelope: bytes
    body: bytes
    bodystructure: bytes
    headers: bytes  # the LISTED lines as in the message
    message_id: str | None
    reference_ids: tuple[str, ...]
    subject: str
    from_text: str
    to_text: str
    preview: str
    sent_at: datetime | None
    has_attachment: bool
    eightbit: bool


def summarise(data: bytes, root: Part | None = None) -> Summary:
    """Read a whole message; never raises on bad mail."""
    part = parse(data) if root is None else root
    fields = part.fields
    found = readable(part)
    date = fields.get(b"date")
    body, bodystructure = wire.structures(part, data)
    return Summary(
        size=len(data),
        envelope=wire.envelope(fields),
        body=body,
        bodystructure=bodystructure,
        headers=select_lines(data, LISTED, 0, min(part.body_start, MAX_HEADER)),
        message_id=_message_id(fields),
        reference_ids=_references(fields),
        subject=decode_header(fields.get(b"subject", b""))[:MAX_SUBJECT],
        from_text=_people(fields.get(b"from", b"")),
        to_text=_people(fields.get(b"to", b"")),
        preview=preview(found.plain or found.html, data),
        sent_at=None if date is None else parse_date(date),
        has_attachment=bool(found.attachments),
        eightbit=not data.isascii(),
    )


def _people(raw: bytes) -> str:
    """`Name <address>, …` for lists and sorting."""
    return _remembered_people(raw) if len(raw) <= REMEMBERED_FIELD else _join_people(raw)


def _join_people(raw: bytes) -> str:
    people = []
    length = 0
    for item in addresses(raw):
        text = f"{item.name} <{item.address}>" if item.name else item.address
        length += len(text) + 2
        if length > MAX_ADDRESS_TEXT:
            break
        people.append(text)
    return ", ".join(people)


_remembered_people = lru_cache(maxsize=2_048)(_join_people)


def _message_id(fields: dict[bytes, bytes]) -> str | None:
    """The identifier in its brackets, or the bare value of software that forgot them."""
    raw = fields.get(b"message-id")
    if raw is None:
        return None
    match = _IDENTIFIER.search(raw)
    value = match[0] if match else unfold(raw)
    return clean(value.decode("utf-8", "replace"))[:MAX_IDENTIFIER] or None


def _references(fields: dict[bytes, bytes]) -> tuple[str, ...]:
    """References, oldest first, then In-Reply-To (RFC 5322 3.6.4); of a giant list, root and the last ones."""
    raw = fields.get(b"references", b"") + b" " + fields.get(b"in-reply-to", b"")
    if not raw.strip():
        return ()
    unique = dict.fromkeys(_IDENTIFIER.findall(raw))
    found = [clean(item.decode("utf-8", "replace"))[:MAX_IDENTIFIER] for item in unique]
    if len(found) > MAX_REFERENCES:
        found = [found[0], *found[1 - MAX_REFERENCES :]]
    return tuple(found)
