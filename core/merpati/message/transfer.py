"""Transfer encodings undone (RFC 2045 6, and uuencode), as far as broken ones go."""

from __future__ import annotations

import binascii
import io
import itertools

from merpati.message.limits import MAX_UU_LINES
from merpati.message.words import unbase64

IDENTITY = frozenset({"7bit", "8bit", "binary"})
_UUENCODE = frozenset({"x-uuencode", "uuencode", "x-uue"})
ENCODINGS = IDENTITY | _UUENCODE | {"base64", "quoted-printable"}


def decode_transfer(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Transfer-Encoding; an unknown one is left as it is."""
    if encoding == "base64":
        return unbase64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding in _UUENCODE:
        return _uudecode(body)
    return body


def _uudecode(body: bytes) -> bytes:
    out = bytearray()
    lines = itertools.islice(io.BytesIO(body), MAX_UU_LINES)
    for line in lines:
        if line.startswith(b"begin "):
            break
    for line in lines:
        line = line.rstrip(b"\r\n")
        if line in (b"end", b"`", b"", b" "):
            break
        try:
            out += binascii.a2b_uu(line)
        except binascii.Error:  # some encoders add a checksum: take the length that the first octet tells
            count = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out += binascii.a2b_uu(line[:count])
            except binascii.Error:
                break
    return bytes(out)
