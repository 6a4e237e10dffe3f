"""The pieces of a message that IMAP's `BODY[section]` names (RFC 9051 6.4.5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from merpati.message.headers import select_lines
from merpati.message.part import Part

Kind = Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"]

_KINDS: dict[str, Kind] = {
    "": "",
    "HEADER": "HEADER",
    "HEADER.FIELDS": "HEADER.FIELDS",
    "HEADER.FIELDS.NOT": "HEADER.FIELDS.NOT",
    "TEXT": "TEXT",
    "MIME": "MIME",
}
_SPEC = re.compile(
    r"((?:\d{1,6}\.)*\d{1,6}(?:\.(?=[A-Z])|$))?(?:([A-Z.]+)(?:\s*\(([^()]*)\))?)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Section:
    """A parsed section: part number ('' for the message), what of it, and field names in lower case."""

    number: str = ""
    kind: Kind = ""
    fields: frozenset[bytes] = frozenset()

    @classmethod
    def parse(cls, spec: str) -> Section | None:
        """Read `1.2.HEADER.FIELDS (From To)` and its like; None where it is not a section."""
        match = _SPEC.fullmatch(spec.strip())
        if match is None:
            return None
        number, word, names = match.groups()
        kind = _KINDS.get((word or "").upper())
        if kind is None or (kind == "MIME" and not number) or (names is not None) != ("FIELDS" in kind):
            return None
        listed = frozenset(name.strip('"').lower().encode() for name in (names or "").split())
        return cls((number or "").rstrip("."), kind, listed)


def section(data: bytes, root: Part, spec: Section | str) -> bytes | None:
    """The bytes of a section; None where the message has no such part."""
    wanted = Section.parse(spec) if isinstance(spec, str) else spec
    if wanted is None:
        return None
    found = span(root, wanted)
    if found is None:
        return None
    start, end = found
    if wanted.kind not in ("HEADER.FIELDS", "HEADER.FIELDS.NOT"):
        return data[start:end]
    lines = select_lines(data, wanted.fields, start, end, inverse=wanted.kind == "HEADER.FIELDS.NOT")
    return lines + b"\r\n"  # the empty line belongs to every header subset


def span(root: Part, wanted: Section) -> tuple[int, int] | None:
    """Where a section lies; for HEADER.FIELDS, the header that its lines are chosen from."""
    part = root.find(wanted.number)
    if part is None:
        return None
    if wanted.kind == "MIME":
        return part.header_start, part.body_start
    if not wanted.kind and wanted.number:
        return part.body_start, part.end
    # HEADER and TEXT are of a message: the root, or the one inside message/rfc822.
    message = part.message if wanted.number else root
    if message is None:
        return None
    if not wanted.kind:
        return message.header_start, message.end
    if wanted.kind == "TEXT":
        return message.body_start, message.end
    return message.header_start, message.body_start
