"""Messages that leave: from a form's fields to MIME, and from a message to the fields of its answer."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from merpati_webmail import filenames
from merpati_webmail.reading import one_line

ORIGIN = "X-Merpati-Origin"
"""In drafts only: what the draft answers, `reply 12.345` (mailbox and UID), so that sending it marks that message."""

_POLICY = email.policy.SMTP
_MAX_REFERENCES = 8_000
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")  # printable ASCII without brackets; a line holds 998


@dataclass(frozen=True, slots=True)
class File:
    """A file to attach."""

    name: str
    content_type: str
    content: bytes


@dataclass(slots=True)
class Letter:
    """What the form says, understood."""

    sender: Address
    to: list[Address] = field(default_factory=list)
    cc: list[Address] = field(default_factory=list)
    bcc: list[Address] = field(default_factory=list)
    subject: str = ""
    body: str = ""
    name: str = ""
    """The left side of its Message-ID; empty: any."""
    in_reply_to: str = ""
    references: str = ""
    files: Sequence[File] = ()

    @property
    def message_id(self) -> str:
        """Its Message-ID, if it has a name."""
        return f"<{self.name}@{self.sender.domain}>" if self.name else ""

    @property
    def recipients(self) -> list[str]:
        """Envelope recipients, each once."""
        return list(dict.fromkeys(address.addr_spec for address in (*self.to, *self.cc, *self.bcc)))


def build(letter: Letter, now: datetime, *, origin: str = "") -> bytes:
    """The letter as a message with CRLF lines; `origin` is for drafts.

    Bcc stands in it: its writer keeps it in Drafts and Sent, and `submission` takes it out of what leaves.
    The email package refuses line ends in header values; nothing that is typed can add a header.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = letter.sender
    for name, addresses in (("To", letter.to), ("Cc", letter.cc), ("Bcc", letter.bcc)):
        if addresses:
            mail[name] = addresses
    mail["Subject"] = one_line(letter.subject)[:2_000]
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = letter.message_id or make_msgid(domain=letter.sender.domain)
    if origin:
        mail[ORIGIN] = origin
    _set_text(mail, letter.body)
    for file in letter.files:
        _attach(mail, file)
    return _thread_lines(letter) + mail.as_bytes()


def _thread_lines(letter: Letter) -> bytes:
    """In-Reply-To and References, folded at their ids: the email package would encode ids longer than a line."""
    lines = ""
    for name, value in (("In-Reply-To", letter.in_reply_to), ("References", letter.references)):
        ids = _MESSAGE_ID.findall(value)
        if ids:
            lines += f"{name}: " + "\r\n ".join(ids) + "\r\n"
    return lines.encode("ascii")


def _set_text(mail: EmailMessage, body: str) -> None:
    body = re.sub(r"\r\n?|\n", "\n", body).encode("utf-8", "replace").decode()
    body = body.replace("\0", "").rstrip("\n") + "\n"
    plain = body.isascii() and max(map(len, body.split("\n"))) <= 900
    mail.set_content(body, charset="utf-8", cte="7bit" if plain else "quoted-printable")


def _attach(mail: EmailMessage, file: File) -> None:
    name = filenames.safe_name(file.name, file.content_type)
    if file.content_type == "message/rfc822":
        # RFC 2046 5.2.1 forbids base64 for message/rfc822.
        mail.add_attachment(email.message_from_bytes(file.content, policy=_POLICY), filename=name)
        return
    found = re.fullmatch(r"([a-z0-9!#$&^_.+-]{1,60})/([a-z0-9!#$&^_.+-]{1,100})", file.content_type.lower())
    maintype, subtype = found.groups() if found else ("application", "octet-stream")
    if maintype in ("multipart", "message"):
        maintype, subtype = "application", "octet-stream"
    mail.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=name)


def reply_subject(subject: str) -> str:
    """`Re: ` once, whatever stood before (`AW:`, `Balas:` are left to their senders)."""
    return "Re: " + re.sub(r"(?i)^(?:\s*re\s*(?:\[\d+\])?\s*:)+\s*", "", subject)


def forward_subject(subject: str) -> str:
    """`Fwd: ` once."""
    return "Fwd: " + re.sub(r"(?i)^(?:\s*fwd?\s*:)+\s*", "", subject)


def thread_headers(message_id: str, references: str) -> tuple[str, str]:
    """In-Reply-To and References of an answer (RFC 5322 3.6.4): the ids only, oldest dropped if too many."""
    own = _MESSAGE_ID.findall(message_id)[:1]
    if not own:
        return "", ""
    chain = [item for item in _MESSAGE_ID.findall(references) if item != own[0]]
    while sum(map(len, chain)) > _MAX_REFERENCES:
        del chain[1 if len(chain) > 1 else 0]  # the first names the thread
    return own[0], " ".join((*chain, *own))
