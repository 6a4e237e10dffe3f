"""What the composer begins with: an empty letter, an answer, a forwarded message, a draft to go on with."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from merpati.message import Address
from merpati_webmail import addressing, composer, i18n
from merpati_webmail.i18n import N_
from merpati_webmail.keys import MessageKey, Origin, PartKey
from merpati_webmail.reading import Reading, quoted

_WROTE = N_("On %(date)s, %(name)s wrote:")
_FORWARDED = N_("---------- Forwarded message ----------")


@dataclass(frozen=True, slots=True)
class Kept:
    """An attachment that the letter takes over from a stored message."""

    key: str
    name: str
    size: int


@dataclass(slots=True)
class Fields:
    """The composer's form, as text."""

    letter: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    """Names this letter: its Message-ID comes from here, so that it is sent once however often it is posted."""
    draft: str = ""
    origin: str = ""
    sender: str = ""
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    body: str = ""
    kept: list[Kept] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the own addresses, and the language of what is put into the letter."""

    own: frozenset[str]
    language: str
    gettext: Callable[..., str]


def reply(mail: Reading, origin: Origin, writer: Writer, *, to_all: bool) -> Fields:
    """An answer, quoting; to all: also to whoever else it went to, but not to oneself."""
    authors = mail.reply_to or mail.sender
    if mail.sender and all(_own(address, writer) for address in mail.sender):
        authors = mail.to or authors  # an answer to one's own letter goes where that went
    fields = Fields(
        origin=str(origin), sender=_sender(mail, writer), subject=composer.reply_subject(mail.subject)
    )
    fields.to = _typed(authors, ())
    if to_all:
        others = [address for address in (*mail.to, *mail.cc) if not _own(address, writer)]
        fields.cc = _typed(others, authors)
    fields.body = "\n\n" + _citation(mail, writer) + quoted(mail.text) + "\n"
    return fields


def forward(mail: Reading, origin: Origin, writer: Writer) -> Fields:
    """A forwarded message: its head and text as text, its attachments attached."""
    head = [
        (writer.gettext(N_("From")), _typed(mail.sender, ())),
        (writer.gettext(N_("Date")), i18n.long_date(mail.date, writer.language) if mail.date else ""),
        (writer.gettext(N_("Subject")), mail.subject),
        (writer.gettext(N_("To")), _typed(mail.to, ())),
        (writer.gettext(N_("Cc")), _typed(mail.cc, ())),
    ]
    lines = [writer.gettext(_FORWARDED), *(f"{name}: {value}" for name, value in head if value)]
    return Fields(
        origin=str(origin),
        sender=_sender(mail, writer),
        subject=composer.forward_subject(mail.subject),
        body="\n\n" + "\n".join(lines) + "\n\n" + mail.text + "\n",
        kept=kept(mail, origin.message),
    )


def resume(mail: Reading, key: MessageKey) -> Fields:
    """A draft as it was left."""
    return Fields(
        draft=str(key),
        origin=str(Origin.parse(mail.origin) or ""),
        sender=mail.sender[0].address if mail.sender else "",
        to=_typed(mail.to, ()),
        cc=_typed(mail.cc, ()),
        bcc=_typed(mail.bcc, ()),
        subject=mail.subject,
        body=mail.text,
        kept=kept(mail, key),
    )


def kept(mail: Reading, key: MessageKey) -> list[Kept]:
    """All files of a message, to be taken over; the pictures in its HTML too, since its words go as text."""
    files = (*mail.attachments, *mail.pictures)
    return [Kept(str(PartKey(key, item.number)), item.name, item.size) for item in files]


def _citation(mail: Reading, writer: Writer) -> str:
    if not mail.sender:
        return ""
    name = mail.sender[0].name or mail.sender[0].address
    date = i18n.long_date(mail.date, writer.language) if mail.date else "?"
    return writer.gettext(_WROTE, date=date, name=addressing.clean_name(name)) + "\n"


def _own(address: Address, writer: Writer) -> bool:
    return address.address.lower() in writer.own


def _sender(mail: Reading, writer: Writer) -> str:
    """The own address that the message was written to, so that the answer comes from there."""
    return next(
        (item.address.lower() for item in (*mail.to, *mail.cc) if item.address.lower() in writer.own), ""
    )


def _typed(addresses: Iterable[Address], without: Iterable[Address]) -> str:
    seen = {item.address.lower() for item in without}
    result = []
    for item in addresses:
        if item.host and item.address.lower() not in seen:
            seen.add(item.address.lower())
            result.append(addressing.shown(item.name, item.mailbox, item.host))
    return ", ".join(result)
