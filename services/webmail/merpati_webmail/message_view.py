"""What the message page shows of a message."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime

from merpati.message import Address
from merpati_webmail import bounded, links, reading
from merpati_webmail.reading import Attachment


@dataclass(frozen=True, slots=True)
class MessageView:
    """Ready for the template; `html` says whether the frame is shown, else `text` is."""

    subject: str
    sender: list[Address]
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    date: datetime | None
    attachments: list[Attachment]
    defects: bool
    html: bool
    has_html: bool
    has_plain: bool
    text: str
    images: bool
    blocked: int
    truncated: bool
    resumable: bool

    @classmethod
    def of(cls, data: bytes, *, as_text: bool, images: bool, draft: bool) -> MessageView:
        """Read a message; slow for a large one, so not in the event loop."""
        mail = reading.read(data)
        html = bool(mail.rich) and not as_text
        text = "" if html else mail.text
        cleaned = [bounded.clean(part) for is_html, part in mail.pieces() if is_html] if html else []
        return cls(
            subject=mail.subject,
            sender=mail.sender,
            to=mail.to,
            cc=mail.cc,
            bcc=mail.bcc,
            date=mail.date,
            attachments=mail.attachments,
            defects=mail.defects,
            html=html,
            has_html=bool(mail.rich),
            has_plain=mail.has_plain,
            text=text,
            images=images,
            blocked=0 if images else sum(part.blocked for part in cleaned),
            truncated=len(text) > links.MAX_TEXT or any(part.truncated for part in cleaned),
            resumable=draft,
        )

    @property
    def initial(self) -> str:
        """The letter in the sender's circle."""
        name = (self.sender[0].name or self.sender[0].mailbox) if self.sender else ""
        return next((c.upper() for c in name if c.isalnum()), "?")

    @property
    def tint(self) -> int:
        """One of six colours, always the same for a sender."""
        address = self.sender[0].address.casefold() if self.sender else ""
        return zlib.crc32(address.encode("utf-8", "replace")) % 6
