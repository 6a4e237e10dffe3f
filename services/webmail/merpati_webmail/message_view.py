"""What the message page shows of a message."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import datetime

from merpati.message import Address
from merpati_webmail import links, reading, sanitize
from merpati_webmail.reading import Attachment

# Every repetition is bounded: the text is a stranger's.
_REMOTE = re.compile(r"<img\b[^<>]{0,4000}?\bsrc\s{0,10}=\s{0,10}[\"']?\s{0,10}https?:", re.IGNORECASE)


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
    blocked: bool
    """Whether there seem to be pictures of other servers: the frame's own request finds out, cleaning."""
    truncated: bool
    resumable: bool

    @classmethod
    def of(cls, data: bytes, *, as_text: bool, images: bool, draft: bool) -> MessageView:
        """Read a message; slow for a large one, so not in the event loop."""
        mail = reading.read(data)
        html = bool(mail.rich) and not as_text
        text = "" if html else mail.text
        source = [part for is_html, part in mail.pieces() if is_html] if html else []
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
            blocked=not images and any(map(_REMOTE.search, source)),
            truncated=len(text) > links.MAX_TEXT or any(len(part) > sanitize.MAX_HTML for part in source),
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
