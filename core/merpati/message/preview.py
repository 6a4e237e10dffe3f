"""The first words of a message, for lists."""

from __future__ import annotations

import html
import re

from merpati.message import charsets
from merpati.message.limits import PREVIEW, PREVIEW_SOURCE
from merpati.message.part import Part
from merpati.message.transfer import decode_transfer

_TAG = re.compile(r"<[^<>]*>?")
_HIDDEN = re.compile(r"<(style|script|head|title|!--)", re.IGNORECASE)
_CLOSING = {
    name: re.compile("-->" if name == "!--" else f"</{name}[^<>]*>?", re.IGNORECASE)
    for name in ("style", "script", "head", "title", "!--")
}
# What newsletters pad their preview with: soft hyphen, joiners, zero-width blanks.
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff]")


def preview(part: Part | None, data: bytes) -> str:
    """About PREVIEW characters of a text part, in one line."""
    if part is None:
        return ""
    raw = data[part.body_start : min(part.end, part.body_start + PREVIEW_SOURCE[part.subtype])]
    text = charsets.decode(decode_transfer(raw, part.encoding), part.charset)
    if part.subtype == "html":
        text = strip_html(text)
    text = text[: 5 * PREVIEW]
    if not text.isascii():
        text = _INVISIBLE.sub(" ", text)
    line = charsets.clean(" ".join(text.split()))
    if len(line) <= PREVIEW:
        return line.rstrip("\ufffd")  # a character cut in two by PREVIEW_SOURCE
    line = line[:PREVIEW]
    return (line.rsplit(" ", 1)[0] if " " in line else line) + "…"


def strip_html(text: str) -> str:
    """The visible text of HTML, roughly; linear in its length."""
    out: list[str] = []
    position = 0
    while match := _HIDDEN.search(text, position):
        out.append(text[position : match.start()])
        end = _CLOSING[match[1].lower()].search(text, match.end())
        position = end.end() if end else len(text)
    out.append(text[position:])
    return html.unescape(_TAG.sub(" ", "".join(out)))
