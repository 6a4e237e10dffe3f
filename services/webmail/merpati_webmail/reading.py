"""A message as a reader sees it: who wrote it to whom, its text in both views, what is attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from merpati import message
from merpati.message import Address, Part
from merpati_webmail import bounded, filenames, links

_MAX_ATTACHMENTS = 500


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part offered for download."""

    number: str
    name: str
    content_type: str
    size: int


@dataclass(slots=True)
class Reading:
    """A message taken apart; `data` is the whole of it."""

    data: bytes
    root: Part
    subject: str = ""
    sender: list[Address] = field(default_factory=list)
    reply_to: list[Address] = field(default_factory=list)
    to: list[Address] = field(default_factory=list)
    cc: list[Address] = field(default_factory=list)
    bcc: list[Address] = field(default_factory=list)
    date: datetime | None = None
    message_id: str = ""
    references: str = ""
    origin: str = ""
    """`composer.ORIGIN` of a draft of ours."""
    plain: list[Part] = field(default_factory=list)
    """The parts of the text view, in order."""
    rich: list[Part] = field(default_factory=list)
    """The parts of the HTML view; empty where the message has no HTML."""
    pictures: list[Attachment] = field(default_factory=list)
    """Those that stand in the HTML and therefore not among the attachments."""
    inline: dict[str, str] = field(default_factory=dict)
    """Part numbers of the pictures that HTML shows, by Content-ID."""
    attachments: list[Attachment] = field(default_factory=list)
    defects: bool = False

    @property
    def text(self) -> str:
        """The whole text, plain; of a part that is HTML only, its words."""
        return "\n\n".join(
            bounded.text(part.text(self.data)) if part.subtype == "html" else part.text(self.data).rstrip()
            for part in self.plain
        )

    @property
    def has_plain(self) -> bool:
        """Whether the sender wrote a text view, too."""
        return any(part.subtype == "plain" for part in self.plain)

    def pieces(self) -> Iterator[tuple[bool, str]]:
        """The HTML view, part by part: whether it is HTML, and its text."""
        for part in self.rich:
            yield part.subtype == "html", part.text(self.data)


def read(data: bytes) -> Reading:
    """Take a message apart. Never raises on bad mail: what cannot be read is left out, and marked."""
    root = message.parse(data)
    result = Reading(data, root, defects=any(part.defects for part in root.walk()))
    _read_headers(result)
    _sort_parts(result)
    return result


def one_line(value: str) -> str:
    """Without line ends and controls, as a header is shown."""
    return re.sub(r"[\x00-\x1f\x7f\s]+", " ", value).strip()


def quoted(value: str) -> str:
    """`value` as a quotation, one level deeper."""
    lines = value[: links.MAX_TEXT].splitlines()
    return "\n".join(">" + line if line.startswith(">") else f"> {line}".rstrip() for line in lines)


def _read_headers(result: Reading) -> None:
    fields = message.first_values(message.headers(result.data))
    for name in ("reply-to", "to", "cc", "bcc"):
        if raw := fields.get(name.encode()):
            setattr(result, name.replace("-", "_"), message.addresses(raw))
    result.sender = message.addresses(fields.get(b"from") or fields.get(b"sender") or b"")
    result.subject = _shown(fields, b"subject")
    result.date = message.parse_date(fields.get(b"date", b""))
    result.message_id = _shown(fields, b"message-id")
    result.references = _shown(fields, b"references") or _shown(fields, b"in-reply-to")
    result.origin = _shown(fields, b"x-merpati-origin")


def _shown(fields: dict[bytes, bytes], name: bytes) -> str:
    return one_line(message.decode_header(fields.get(name, b"")))


def _sort_parts(result: Reading) -> None:
    found = message.readable(result.root, result.data)
    first_plain, first_rich = found.plain or found.html, found.html
    result.plain = [part for part in (first_plain, *found.more) if part is not None]
    if first_rich is not None:
        result.rich = [first_rich, *found.more]
    attached = list(found.attachments)
    if found.inline:
        html = " ".join(text for is_html, text in result.pieces() if is_html)
        for cid, part in found.inline.items():
            result.inline[cid] = part.number
            if f"cid:{cid}" in html:
                result.pictures.append(_attachment(part))
            else:  # shown nowhere: it must not get lost
                attached.append(part)
    for part in found.attachments:
        if part.content_id and part.type == "image":
            result.inline.setdefault(part.content_id, part.number)
    result.attachments = [_attachment(part) for part in attached[:_MAX_ATTACHMENTS]]


def _attachment(part: Part) -> Attachment:
    size = part.size * 3 // 4 if part.encoding == "base64" else part.size
    name = filenames.safe_name(part.filename, part.content_type)
    return Attachment(part.number, name, part.content_type, size)
