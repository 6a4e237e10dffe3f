"""What a person reads of a message: its text, its HTML, the images inside it, and the attachments."""

from __future__ import annotations

from dataclasses import dataclass, field

from merpati.message.part import Part


@dataclass(slots=True)
class Readable:
    """The choice made; texts come from `Part.text`, bytes from `Part.content`."""

    plain: Part | None = None
    html: Part | None = None
    more: list[Part] = field(default_factory=list)  # further text shown below: list footers, Apple's pieces
    inline: dict[str, Part] = field(
        default_factory=dict
    )  # Content-ID -> the part that HTML refers to by cid:
    attachments: list[Part] = field(default_factory=list)


def readable(root: Part, data: bytes = b"") -> Readable:
    """Sort the parts of a message; `data` is not needed to choose and kept for callers that have it."""
    found = Readable()
    _sort(root, found, alternative=False, related=False)
    if found.html is None:  # nothing refers to them: they would be lost
        found.attachments[:0] = found.inline.values()
        found.inline = {}
    return found


def _sort(part: Part, found: Readable, *, alternative: bool, related: bool) -> None:
    if part.type == "multipart":
        for child in part.children:
            _sort(
                child,
                found,
                alternative=alternative or part.subtype == "alternative",
                related=related or part.subtype == "related",
            )
        return
    if part.disposition != "attachment" and _place_text(part, found, alternative):
        return
    cid = part.content_id
    if cid and part.type == "image" and (related or part.disposition == "inline"):
        found.inline.setdefault(cid, part)
    else:
        found.attachments.append(part)


def _place_text(part: Part, found: Readable, alternative: bool) -> bool:
    """Take a text part as body; False where it is an attachment."""
    if part.content_type not in ("text/plain", "text/html"):
        return False
    if part.disposition == "inline" and part.filename and (found.plain or found.html):
        return False
    if part.subtype == "plain" and found.plain is None and (found.html is None or alternative):
        found.plain = part
    elif part.subtype == "html" and found.html is None and (found.plain is None or alternative):
        found.html = part
    elif part.filename:
        return False
    else:
        found.more.append(part)
    return True
