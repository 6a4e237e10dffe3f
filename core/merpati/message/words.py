"""Encoded words (RFC 2047, with RFC 2231 5 languages) -> text."""

from __future__ import annotations

import binascii
import re

from merpati.message import charsets
from merpati.message.headers import unfold

# Blanks inside a Q word are forbidden and met; `?` ends the text, so the search is linear.
_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([BbQq])\?([^?]*)\?=")
_FOREIGN = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def unbase64(data: bytes) -> bytes:
    """Base64 as far as it goes: foreign characters dropped, padding supplied (RFC 2045 6.8)."""
    padding = data.find(b"=")
    if padding < 0 or not data[padding:].strip(b"=\r\n\t "):
        try:
            return binascii.a2b_base64(data)
        except binascii.Error:  # padding is missing
            pass
    # Blocks that were encoded one by one and joined, each with its own padding.
    blocks = (block.translate(None, _FOREIGN) for block in data.split(b"=", 1_000))
    return b"".join(
        binascii.a2b_base64(block[: len(block) - (len(block) % 4 == 1)] + b"==") for block in blocks
    )


def decode_header(raw: bytes) -> str:
    """The text of an unstructured field or a phrase, unfolded, in one line of clean text."""
    value = unfold(raw)
    if b"=?" in value:
        return charsets.clean(_decode_words(value))
    return charsets.clean(charsets.guess(value))


def _decode_words(value: bytes) -> str:
    text: list[str] = []
    pending = bytearray()  # adjacent words of one charset are joined first: some split a character
    charset = ""
    position = 0
    after_word = False
    for match in _WORD.finditer(value):
        between = value[position : match.start()]
        position = match.end()
        label = match[1].partition(b"*")[0].decode("ascii", "replace").lower()
        # Blanks between encoded words are not shown (RFC 2047 6.2).
        gap = between if between.strip(b" \t") or not after_word else b""
        if pending and (gap or label != charset):
            text.append(charsets.decode(bytes(pending), charset))
            pending.clear()
        if gap:
            text.append(charsets.guess(gap))
        charset, after_word = label, True
        pending += _word_bytes(match[2], match[3])
    if pending:
        text.append(charsets.decode(bytes(pending), charset))
    text.append(charsets.guess(value[position:]))
    return "".join(text)


def _word_bytes(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Bb":
        return unbase64(text)
    return binascii.a2b_qp(text, header=True)
