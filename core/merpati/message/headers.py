"""Header blocks: where they end, their fields, and the fields that mail clients list."""

from __future__ import annotations

import re
from collections.abc import Collection

from merpati.message.limits import MAX_HEADER

# One field: name, colon, value with its continuation lines (RFC 5322 2.2, 3.6.8; blanks before the
# colon are obsolete but met, 4.5). Lines that are no field are passed over.
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_FIELD_LINES = re.compile(rb"^([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.MULTILINE)
_FOLD = re.compile(rb"\r?\n[ \t]")
# Fields that should stand once (RFC 5322 3.6) and are sometimes written once for each address.
_JOINED = frozenset({b"from", b"to", b"cc", b"bcc", b"reply-to"})

# What clients ask for when they list a folder (Thunderbird, Outlook, Apple Mail, K-9, mutt, Roundcube,
# Evolution, mbsync). Received, Return-Path and Delivered-To are not here: they differ by recipient.
LISTED: frozenset[bytes] = frozenset(
    b"""
    from sender reply-to to cc bcc subject date message-id in-reply-to references newsgroups
    resent-from resent-to resent-cc resent-date resent-message-id mail-followup-to mail-reply-to
    mime-version content-type content-transfer-encoding content-disposition content-description
    content-class content-language
    priority x-priority x-msmail-priority importance sensitivity
    disposition-notification-to return-receipt-to auto-submitted precedence
    list-id list-post list-help list-subscribe list-unsubscribe list-unsubscribe-post list-owner list-archive
    x-mailing-list x-loop x-label x-keywords keywords comments lines
    user-agent x-mailer x-draft-info x-mozilla-draft-info x-mozilla-keys x-mozilla-status
    x-mozilla-status2 x-identity-key x-account-key x-k9mail-identity x-android-message-id
    x-universally-unique-identifier x-uniform-type-identifier x-tuid x-evolution-source
    x-spam-flag x-spam-status x-spam-level x-spam-score x-ms-has-attach x-ms-exchange-organization-authas
    autocrypt openpgp face x-face supersedes expires
    """.split()
)


def header_end(data: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the body begins: behind the first empty line, or `end` where there is none."""
    stop = len(data) if end is None else end
    if data.startswith(b"\r\n", start, stop):
        return start + 2
    if data.startswith(b"\n", start, stop):
        return start + 1
    crlf = data.find(b"\n\r\n", start, stop)
    bare = data.find(b"\n\n", start, stop if crlf < 0 else crlf)
    if bare >= 0:
        return bare + 2
    return stop if crlf < 0 else crlf + 3


def headers(data: bytes, start: int = 0, end: int | None = None) -> list[tuple[bytes, bytes]]:
    """The fields as (name as written, raw value with its folds) in the block that begins at `start`."""
    stop = header_end(data, start) if end is None else end
    return _FIELD.findall(data, start, min(stop, start + MAX_HEADER))


def first_values(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Lower-case name -> raw value: the first field of a name, as mail clients have it; of addresses, all."""
    values: dict[bytes, bytes] = {}
    for name, value in fields:
        key = name.lower()
        if key not in values:
            values[key] = value
        elif key in _JOINED:
            values[key] += b"," + value
    return values


def unfold(raw: bytes) -> bytes:
    """The value in one line, without the blanks around it (RFC 5322 2.2.3)."""
    if b"\n" in raw:
        raw = _FOLD.sub(b" ", raw)
    return raw.strip(b" \t\r\n")


def select_lines(
    data: bytes, names: Collection[bytes], start: int = 0, end: int | None = None, *, inverse: bool = False
) -> bytes:
    """The lines of the fields in `names` (lower case), as written; with `inverse`, of all others."""
    stop = header_end(data, start) if end is None else end
    found = [
        match[0]
        for match in _FIELD_LINES.finditer(data, start, stop)
        if (match[1].lower() in names) is not inverse
    ]
    return b"".join(found)
