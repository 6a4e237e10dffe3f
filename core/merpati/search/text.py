"""What a search looks at: the words of a message, decoded and folded."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from merpati.message import Part, decode_header, headers, parse, strip_html

# A message without these is searched as it stands: nothing in it is encoded.
_ENCODED = (b"base64", b"quoted-printable", b"text/html", b"=?", b"utf-16", b"utf-7", b"iso-2022")


def fold(text: str) -> str:
    """Text in the form that is compared: case and compatibility forms do not matter (RFC 9051 6.4.4)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()


def contains(data: bytes, needle: str, *, headers_too: bool) -> bool:
    """Whether a message has `needle` (folded) in its text: SEARCH BODY, or TEXT with its headers."""
    if needle.isascii():
        lowered = data.lower()
        encoded = any(mark in lowered for mark in _ENCODED)
        if not encoded and needle.encode() not in lowered:
            return False
    root = parse(data)
    return any(needle in fold(text) for text in _texts(root, data, headers_too))


def _texts(root: Part, data: bytes, headers_too: bool) -> Iterator[str]:
    for part in root.walk():
        if headers_too or part is not root:
            for name, value in headers(data, part.header_start):
                yield f"{name.decode('latin-1')}: {decode_header(value)}"
        if part.type == "text":
            text = part.text(data)
            yield strip_html(text) if part.subtype == "html" else text
