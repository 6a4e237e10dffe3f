"""The part tree of a message: types, names and byte offsets, never an exception on bad mail."""

from __future__ import annotations

import binascii
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from merpati.message import charsets, parameters
from merpati.message.headers import first_values, header_end, headers, unfold
from merpati.message.limits import MAX_DEPTH, MAX_PARTS, MAX_SCANS, MAX_UU_LINES
from merpati.message.parameters import Pairs, Valued, parse_valued
from merpati.message.words import decode_header, unbase64

_TEXT = Valued(b"text/plain", ())
_MESSAGE = Valued(b"message/rfc822", ())
_IDENTITY = frozenset({"7bit", "8bit", "binary"})
_ENCODINGS = _IDENTITY | {"base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue"}


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


def decode_transfer(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding (RFC 2045 6); an unknown one is left as it is."""
    if encoding == "base64":
        return unbase64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding in ("x-uuencode", "uuencode", "x-uue"):
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


def parse(data: bytes) -> Part:
    """The part tree of a whole message."""
    return _Parser(data).message(0, len(data), "", 0)


class _Parser:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = MAX_PARTS  # parts that may still be made
        self.scans = MAX_SCANS * len(data)  # octets that may still be searched for boundaries
        self.look_alikes = MAX_PARTS  # lines that only begin like a boundary, and may still be passed over

    def message(self, start: int, end: int, prefix: str, depth: int) -> Part:
        """A message (the root, or one inside message/rfc822); `prefix` is the part that holds it."""
        return self._part(start, end, prefix, depth, _TEXT, root=True)

    def _part(self, start: int, end: int, number: str, depth: int, default: Valued, *, root: bool) -> Part:
        self.left -= 1
        body = header_end(self.data, start, end)
        fields = first_values(headers(self.data, start, body))
        part = Part(start, body, end, number, fields=fields)
        kind = self._content_type(part, default)
        self._encoding(part)
        if (raw := fields.get(b"content-disposition")) is not None:
            disposition = parse_valued(raw)
            part.disposition = disposition.value.decode("ascii", "replace").lower()
            part.disposition_pairs = disposition.pairs
        if part.type == "multipart":
            self._multipart(part, kind, depth)
        if root and not part.children:
            part.number = f"{number}.1" if number else "1"
        if part.type == "message" and part.subtype in ("rfc822", "global"):
            self._embedded(part, depth)
        return part

    def _content_type(self, part: Part, default: Valued) -> Valued:
        raw = part.fields.get(b"content-type")
        kind = default if raw is None else parse_valued(raw)
        main, slash, sub = kind.value.partition(b"/")
        main, sub = main.strip().lower(), sub.strip().lower()
        if not (slash and main and sub and main.isascii() and sub.isascii()):
            part.defects.append("Content-Type is not type/subtype")
            # `Content-Type: text` was common once; RFC 2045 5.2 takes the rest for plain text.
            main, sub = b"text", b"plain"
        part.type, part.subtype, part.pairs = main.decode(), sub.decode(), kind.pairs
        return kind

    def _encoding(self, part: Part) -> None:
        raw = part.fields.get(b"content-transfer-encoding")
        if raw is None:
            return
        value = unfold(raw).partition(b";")[0].partition(b"(")[0].strip(b' \t"').lower()
        part.encoding = value.decode("ascii", "replace") or "7bit"
        if part.encoding not in _ENCODINGS:
            part.defects.append("unknown Content-Transfer-Encoding")

    def _multipart(self, part: Part, kind: Valued, depth: int) -> None:
        boundary = dict(kind.pairs).get(b"boundary", b"")
        spans: list[tuple[int, int]] = []
        self.scans -= part.size
        if depth >= MAX_DEPTH or self.scans < 0:
            part.defects.append("parts nested too deeply")
        elif not boundary:
            part.defects.append("multipart without a boundary")
        else:
            spans = self._split(part, boundary)
            if not spans:
                part.defects.append("multipart without its boundary line")
        if not spans:  # shown as what can be read: the text that is there
            part.type, part.subtype = "text", "plain"
            return
        digest = part.subtype == "digest"  # RFC 2046 5.1.5
        prefix = f"{part.number}." if part.number else ""
        for index, (start, end) in enumerate(spans, start=1):
            if self.left <= 0:
                part.defects.append("too many parts: the rest is left out")
                return
            default = _MESSAGE if digest else _TEXT
            part.children.append(self._part(start, end, f"{prefix}{index}", depth + 1, default, root=False))

    def _split(self, part: Part, boundary: bytes) -> list[tuple[int, int]]:
        """The ranges between boundary lines (RFC 2046 5.1.1), without the line end before each."""
        data, end = self.data, part.end
        delimiter = b"\n--" + boundary
        spans: list[tuple[int, int]] = []
        begin = -1  # where the part in hand begins
        position = max(part.body_start - 1, 0)
        while (
            len(spans) < self.left
            and self.look_alikes
            and (found := data.find(delimiter, position, end)) >= 0
        ):
            tail = found + len(delimiter)
            line_end = data.find(b"\n", tail, end)
            position = end if line_end < 0 else line_end
            closing = data.startswith(b"--", tail, position)
            # A longer boundary that begins with ours is not ours; blanks behind ours are (5.1.1).
            if data[tail + 2 * closing : min(position, tail + 200)].strip(b" \t\r"):
                self.look_alikes -= 1
                continue
            if begin >= 0:
                spans.append((begin, max(begin, found - data.startswith(b"\r", found - 1))))
            if closing:
                return spans
            begin = position + 1
        if 0 <= begin <= end:
            spans.append((begin, end))
        part.defects.append("multipart without its closing boundary")
        return spans

    def _embedded(self, part: Part, depth: int) -> None:
        if depth >= MAX_DEPTH or self.left <= 0:
            part.defects.append("parts nested too deeply")
            part.type, part.subtype = "application", "octet-stream"
            return
        if part.encoding not in _IDENTITY:
            part.defects.append("embedded message in a transfer encoding (RFC 2046 5.2.1 forbids it)")
        part.message = self.message(part.body_start, part.end, part.number, depth + 1)
