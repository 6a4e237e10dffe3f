"""Header fields that a message lacks and must have before it leaves (RFC 6409 8, RFC 5322 3.6)."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from email.utils import format_datetime

from merpati.message import addresses, header_end, headers

HEADER = 256 * 1024
"""How much of a message is looked at for its header."""

_BCC = re.compile(rb"^bcc[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.IGNORECASE | re.MULTILINE)


def header_of(data: bytes) -> bytes:
    """The header block of a message, or as much of it as is looked at."""
    return data[: header_end(data, 0, min(len(data), HEADER))]


def missing(header: bytes, sender: str, trace_id: str, now: datetime) -> bytes:
    """The fields to add: Date, Message-ID and From where there is none. They go before all others."""
    present = {name.lower() for name, _ in headers(header)}
    domain = sender.rpartition("@")[2] or "localhost"
    added = []
    if b"date" not in present:
        added.append(f"Date: {format_datetime(now)}")
    if b"message-id" not in present:
        added.append(f"Message-ID: <{trace_id}@{domain}>")
    if b"from" not in present and sender:
        added.append(f"From: {sender}")
    return "".join(f"{field}\r\n" for field in added).encode("utf-8", "surrogateescape")


def authors(header: bytes) -> Collection[str]:
    """Every address that the message claims to be from: all From fields, since clients differ in which they show."""
    return {
        item.address
        for name, value in headers(header)
        if name.lower() == b"from"
        for item in addresses(value)
    }


def without_bcc(data: bytes) -> bytes:
    """`data` without its Bcc fields: a webmail's letter has them, and nobody but its sender may see them."""
    end = len(header_of(data))
    return _BCC.sub(b"", data[:end]) + data[end:]
