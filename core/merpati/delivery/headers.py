"""The trace headers of a delivery, and what those already there say of a loop (RFC 5321 4.4, 6.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime

from merpati.delivery.types import Loop, Recipient, Trace
from merpati.message import headers

OUR_HOPS = 5
"""Received lines of our own host above which a message goes round in circles."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a message: `prefix` is for the mailbox alone, `trace` goes on with the message."""

    prefix: bytes
    trace: bytes

    def __len__(self) -> int:
        return len(self.prefix) + len(self.trace)


def head(sender: str, recipients: Sequence[Recipient], trace: Trace | None) -> Head:
    """The trace headers. With several recipients no header names any: they share one file, and some may be Bcc."""
    prefix = b"Return-Path: <" + _octets(sender) + b">\r\n"
    alone = _octets(recipients[0].address) if len(recipients) == 1 else None
    if alone is not None:
        prefix += b"Delivered-To: " + alone + b"\r\n"
    if trace is None:
        return Head(prefix, b"")
    clause = b"\r\n\tfor <" + alone + b">" if alone is not None else b""
    date = format_datetime(trace.at).encode()
    return Head(prefix, trace.clauses + clause + b";\r\n\t" + date + b"\r\n")


def check_loop(header: bytes, recipients: Sequence[Recipient], hostname: str, hopcount_limit: int) -> None:
    """Raise `Loop` where the message was delivered to a recipient before, or came through us or others too often."""
    low = header.lower()
    hops = low.count(b"\nreceived:") + low.startswith(b"received:")
    if hops > hopcount_limit:
        raise Loop("too many hops")
    if hops >= OUR_HOPS and _our_hops(low, hostname) >= OUR_HOPS:
        raise Loop("the message goes round in circles")
    if b"delivered-to:" in low and _delivered_before(header, recipients):
        raise Loop("the message was delivered to this address before")


def _our_hops(low: bytes, hostname: str) -> int:
    ours = re.compile(rb"\bby\s+" + re.escape(_octets(hostname.lower())) + rb"(?![\w.-])")
    return sum(name.lower() == b"received" and ours.search(value) is not None for name, value in headers(low))


def _delivered_before(header: bytes, recipients: Sequence[Recipient]) -> bool:
    before = {value.strip().lower() for name, value in headers(header) if name.lower() == b"delivered-to"}
    return any(_octets(recipient.address.lower()) in before for recipient in recipients)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
