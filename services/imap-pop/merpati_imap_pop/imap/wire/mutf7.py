"""Modified UTF-7, the form of mailbox names on the wire (RFC 3501 5.1.3)."""

from __future__ import annotations

import base64
import binascii
import re

from merpati_imap_pop.imap.wire.errors import WireError

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_NOT_DIRECT = re.compile(r"[^\x20-\x7e]+|&")


def encode(name: str) -> bytes:
    """`Entwürfe` -> `Entw&APw-rfe`."""
    return _NOT_DIRECT.sub(_shift, name).encode("ascii")


def _shift(match: re.Match[str]) -> str:
    text = match[0]
    if text == "&":
        return "&-"
    packed = base64.b64encode(text.encode("utf-16-be", "surrogatepass")).decode("ascii")
    return "&" + packed.rstrip("=").replace("/", ",") + "-"


def decode(name: bytes) -> str:
    """The name that `name` stands for.

    Raises `WireError` where it is not modified UTF-7: 8-bit octets, a stray `&`, a character that needs
    no shift inside one, or half of a surrogate pair.
    """
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError:
        raise WireError("Mailbox name is not modified UTF-7") from None
    if "&" not in text:
        return text
    decoded = _SHIFTED.sub(_unshift, text)
    if encode(decoded) != name:  # one name, one form: anything else could hide a name from a filter
        raise WireError("Mailbox name is not modified UTF-7")
    return decoded


def _unshift(match: re.Match[str]) -> str:
    packed = match[1].replace(",", "/")
    if not packed:
        return "&"
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise WireError("Mailbox name is not modified UTF-7") from None
