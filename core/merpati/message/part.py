"""Part: one part of a message, its type, names and place in the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from merpati.message import charsets, parameters
from merpati.message.parameters import Pairs
from merpati.message.transfer import decode_transfer
from merpati.message.words import decode_header


@dataclass(slots=True)
class Part:
    """A part: offsets are of the whole data, `header_start` <= `body_start` <= `end`."""

    header_start: int
    body_start: int
    end: int
    number: str  # IMAP's part number (RFC 9051 6.4.5.1); '' for a multipart that is a message's root
    type: str = "text"
    subtype: str = "plain"
    pairs: Pairs = ()  # Content-Type's parameters as written
    encoding: str = "7bit"
    disposition: str = ""
    disposition_pairs: Pairs = ()
    fields: dict[bytes, bytes] = field(default_factory=dict)  # lower-case name -> raw value, first one wins
    children: list[Part] = field(default_factory=list)
    message: Part | None = None  # the message inside message/rfc822
    defects: list[str] = field(default_factory=list)

    @property
    def params(self) -> dict[str, str]:
        """Content-Type's parameters, decoded."""
        return parameters.decode_pairs(self.pairs)

    @property
    def content_type(self) -> str:
        return f"{self.type}/{self.subtype}"

    @property
    def filename(self) -> str | None:
        """A name that is safe to offer for saving, from Content-Disposition, else from Content-Type."""
        for pairs, name in ((self.disposition_pairs, "filename"), (self.pairs, "name")):
            if pairs and (value := parameters.decode_pairs(pairs).get(name)):
                return parameters.safe_filename(value)
        return None

    @property
    def content_id(self) -> str | None:
        """Content-ID without its brackets."""
        raw = self.fields.get(b"content-id")
        return None if raw is None else decode_header(raw).strip("<> ") or None

    @property
    def size(self) -> int:
        """Bytes of the body as encoded."""
        return self.end - self.body_start

    def walk(self) -> Iterator[Part]:
        """This part and all below it, embedded messages' parts included, in the order of the bytes."""
        stack = [self]
        while stack:
            part = stack.pop()
            yield part
            stack.extend(reversed(part.children))
            if part.message is not None:
                stack.append(part.message)

    def find(self, number: str) -> Part | None:
        """The part with an IMAP part number; on a message's root."""
        part, container, root = self, self, True
        if not number:
            return self
        for digits in number.split("."):
            if not (digits.isascii() and digits.isdigit() and len(digits) < 7):
                return None
            index = int(digits)
            if 0 < index <= len(container.children):
                part = container.children[index - 1]
            elif root and index == 1 and not container.children:
                part = container
            else:
                return None
            if part.message is not None:
                container, root = part.message, True
            else:
                container, root = part, False
        return part

    def content(self, data: bytes) -> bytes:
        """The body without its transfer encoding; as far as it goes if broken."""
        return decode_transfer(data[self.body_start : self.end], self.encoding)

    def text(self, data: bytes) -> str:
        """The body as text, best effort."""
        return charsets.clean(charsets.decode(self.content(data), self.charset))

    @property
    def charset(self) -> str:
        """The declared charset, or ''."""
        for name, value in self.pairs:
            if name == b"charset":
                return value.decode("ascii", "replace")
        return ""
