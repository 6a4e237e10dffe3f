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


class Words:
    """A message's words; decoded once, whatever is looked for in it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._lowered: bytes | None = None
        self._bodies: list[str] | None = None
        self._heads: list[str] | None = None

    def contain(self, needle: str, *, headers_too: bool) -> bool:
        """Whether `needle` (folded) is in the text: SEARCH BODY, or TEXT with the headers."""
        if needle.isascii() and self._is_plain() and needle.encode() not in self._lowered_data():
            return False
        if self._bodies is None or self._heads is None:
            self._read()
        texts = [*(self._bodies or ()), *((self._heads or ()) if headers_too else (self._heads or ())[1:])]
        return any(needle in text for text in texts)

    def _lowered_data(self) -> bytes:
        if self._lowered is None:
            self._lowered = self._data.lower()
        return self._lowered

    def _is_plain(self) -> bool:
        lowered = self._lowered_data()
        return not any(mark in lowered for mark in _ENCODED)

    def _read(self) -> None:
        data = self._data
        root = parse(data)
        self._heads = [fold("\n".join(_fields(part, data))) for part in root.walk()]
        self._bodies = [fold(_text(part, data)) for part in root.walk() if part.type == "text"]


def contains(data: bytes, needle: str, *, headers_too: bool) -> bool:
    """Whether a message has `needle` (folded) in its text: SEARCH BODY, or TEXT with its headers."""
    return Words(data).contain(needle, headers_too=headers_too)


def _fields(part: Part, data: bytes) -> Iterator[str]:
    for name, value in headers(data, part.header_start):
        yield f"{name.decode('latin-1')}: {decode_header(value)}"


def _text(part: Part, data: bytes) -> str:
    text = part.text(data)
    return strip_html(text) if part.subtype == "html" else text
