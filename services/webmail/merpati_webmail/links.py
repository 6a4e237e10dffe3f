"""Plain text of a mail as safe markup: links that can be followed, quotations that can be told apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape

MAX_TEXT = 1024 * 1024
"""Characters of text that are shown; the rest is cut, and the page says so."""

# Only what is plainly an address: no markdown, no reference markers (Roundcube's CVE-2020-35730).
_URL = re.compile(r"https?://[^\s<>\"'`{}|\\^\x00-\x20]{1,2000}", re.IGNORECASE)
_TRAILING = ".,;:!?'*_"
_QUOTE = re.compile(r"(?:>[ \t]?){1,20}")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one depth of quotation."""

    depth: int
    html: Markup


def blocks(text: str) -> list[Block]:
    """`text` as blocks of equal quotation depth, the `>` marks taken off."""
    result: list[Block] = []
    lines: list[str] = []
    current = 0

    def end() -> None:
        block = re.sub(r"\A(?:[ \t]*\n)+|\s+\Z", "", "\n".join(lines))  # the page sets the space between
        if block:
            result.append(Block(current, linkify(block)))
        lines.clear()

    for line in text[:MAX_TEXT].splitlines():
        found = _QUOTE.match(line)
        depth = found.group().count(">") if found else 0
        if depth != current:
            end()
        current = depth
        lines.append(line[found.end() :] if found else line)
    end()
    return result


def linkify(text: str) -> Markup:
    """Escape `text` and make the web addresses in it links."""
    parts: list[Markup] = []
    at = 0
    for found in _URL.finditer(text):
        url = _trimmed(found.group())
        parts.append(escape(text[at : found.start()]))
        parts.append(Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(url))
        at = found.start() + len(url)
    parts.append(escape(text[at:]))
    return Markup().join(parts)


def _trimmed(url: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays if it was opened."""
    while url:
        if url[-1] in _TRAILING or (url[-1] == ")" and url.count("(") < url.count(")")):
            url = url[:-1]
        else:
            break
    return url
