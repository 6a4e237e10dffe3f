"""Canonical forms of header fields and bodies: what a signature is made over (RFC 6376 3.4)."""

from __future__ import annotations

import re

Field = tuple[bytes, bytes]
"""A header field: its name, and its value as it stands behind the colon, folds included, without the last CRLF."""

_FIELD = re.compile(rb"^([^:\r\n]++):((?:[^\r\n]++|\r\n[ \t])*+)(?:\r\n|\Z)", re.MULTILINE)
_RUN = re.compile(rb"[ \t]+")
_BEFORE_END = re.compile(rb"[ \t]+\r\n")
_INSIDE = re.compile(rb"[ \t]{2,}|\t")


def split(message: bytes) -> tuple[list[Field], bytes]:
    """The fields and the body of a message whose lines end with CRLF."""
    if message.startswith(b"\r\n"):
        return [], message[2:]
    end = message.find(b"\r\n\r\n")
    if end < 0:
        return _FIELD.findall(message), b""
    return _FIELD.findall(message, 0, end + 2), message[end + 4 :]


def relaxed_header(name: bytes, value: bytes) -> bytes:
    """`name:value` in relaxed form with its CRLF (RFC 6376 3.4.2). `value` is as it stands behind the colon."""
    unfolded = value.replace(b"\r\n", b"")
    return name.strip().lower() + b":" + _RUN.sub(b" ", unfolded).strip(b" ") + b"\r\n"


def simple_header(name: bytes, value: bytes) -> bytes:
    """The field as it is (RFC 6376 3.4.1)."""
    return name + b":" + value + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """The body in relaxed form (RFC 6376 3.4.4); an empty one stays empty."""
    if not body:
        return b""
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    # Most mail needs neither change, and `in` is far quicker than a substitution.
    if b" \r\n" in body or b"\t\r\n" in body:
        body = _BEFORE_END.sub(b"\r\n", body)
    if b"  " in body or b"\t" in body:
        body = _INSIDE.sub(b" ", body)
    return _without_empty_end(body)


def simple_body(body: bytes) -> bytes:
    """The body with one line end at its end (RFC 6376 3.4.3); an empty one becomes a line end."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    return _without_empty_end(body) or b"\r\n"


def _without_empty_end(body: bytes) -> bytes:
    end = len(body)
    while end >= 4 and body[end - 4 : end] == b"\r\n\r\n":
        end -= 2
    return b"" if body[:end] == b"\r\n" else body[:end]
