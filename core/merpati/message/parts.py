"""The part tree of a message by byte offsets; bad mail gives parts marked with their defect, never an exception."""

from __future__ import annotations

from merpati.message.headers import first_values, header_end, headers, unfold
from merpati.message.limits import MAX_DEPTH, MAX_PARTS, MAX_SCANS
from merpati.message.parameters import Valued, parse_valued
from merpati.message.part import Part
from merpati.message.transfer import ENCODINGS, IDENTITY

_TEXT = Valued(b"text/plain", ())
_MESSAGE = Valued(b"message/rfc822", ())


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
        if part.encoding not in ENCODINGS:
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
        if part.encoding not in IDENTITY:
            part.defects.append("embedded message in a transfer encoding (RFC 2046 5.2.1 forbids it)")
        part.message = self.message(part.body_start, part.end, part.number, depth + 1)
