"""ENVELOPE, BODY and BODYSTRUCTURE in the form IMAP sends them (RFC 9051 7.5.2 and 9, RFC 3501)."""

from __future__ import annotations

import re

from merpati.message.addresses import RawAddress, raw_addresses
from merpati.message.headers import unfold
from merpati.message.limits import MAX_STRUCTURE_TEXT
from merpati.message.parameters import Pairs
from merpati.message.part import Part

_PLAIN = re.compile(rb"[\t !#-\[\]-~]*").fullmatch
_LITERAL = re.compile(rb"[\r\n\x80-\xff]").search
_DEFAULT_CHARSET: Pairs = ((b"CHARSET", b"US-ASCII"),)


def string(value: bytes) -> bytes:
    """A quoted string, or a literal where a quoted one may not hold the value (no 8-bit before UTF8=ACCEPT)."""
    if _PLAIN(value):
        return b'"%b"' % value
    value = value.replace(b"\0", b"")  # never allowed (RFC 3501 9, CHAR8)
    if _LITERAL(value):
        return b"{%d}\r\n%b" % (len(value), value)
    return b'"%b"' % value.replace(b"\\", rb"\\").replace(b'"', rb"\"")


def nstring(value: bytes | None) -> bytes:
    return b"NIL" if value is None else string(value)


def envelope(fields: dict[bytes, bytes]) -> bytes:
    """ENVELOPE of a header given as `headers.first_values`."""
    return _Writer().envelope(fields)


def structures(root: Part, data: bytes) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE; the second has the extension data."""
    return _Writer().structure(root, data)


class _Writer:
    """Writes one item; once `used` passes the bound, optional strings become NIL."""

    def __init__(self) -> None:
        self.used = 0
        self.counted = (-1, -1, 0)  # the last range whose lines were counted

    def _string(self, value: bytes | None) -> bytes:
        if value is None:
            return b"NIL"
        self.used += len(value)
        return b"NIL" if self.used > MAX_STRUCTURE_TEXT else string(value)

    def _field(self, fields: dict[bytes, bytes], name: bytes) -> bytes:
        value = fields.get(name)
        return b"NIL" if value is None else self._string(unfold(value))

    def envelope(self, fields: dict[bytes, bytes]) -> bytes:
        sender = self._addresses(fields, b"from")
        # Sender and Reply-To default to From (RFC 3501 7.4.2).
        return b"(%b %b %b %b %b %b %b %b %b %b)" % (
            self._field(fields, b"date"),
            self._field(fields, b"subject"),
            sender,
            self._addresses(fields, b"sender") if fields.get(b"sender", b"").strip() else sender,
            self._addresses(fields, b"reply-to") if fields.get(b"reply-to", b"").strip() else sender,
            self._addresses(fields, b"to"),
            self._addresses(fields, b"cc"),
            self._addresses(fields, b"bcc"),
            self._field(fields, b"in-reply-to"),
            self._field(fields, b"message-id"),
        )

    def _addresses(self, fields: dict[bytes, bytes], name: bytes) -> bytes:
        raw = fields.get(name)
        if raw is None or self.used > MAX_STRUCTURE_TEXT:
            return b"NIL"
        found = raw_addresses(raw)
        self.used += len(raw) + 8 * len(found)
        return b"(%b)" % b"".join(map(_address, found)) if found else b"NIL"

    def structure(self, part: Part, data: bytes) -> tuple[bytes, bytes]:
        if part.children:
            return self._multipart(part, data)
        items = [
            string(part.type.upper().encode()),
            string(part.subtype.upper().encode()),
            self._parameters(_with_charset(part)),
            self._field(part.fields, b"content-id"),
            self._field(part.fields, b"content-description"),
            self._string(part.encoding.upper().encode("ascii", "replace")),
            b"%d" % part.size,
        ]
        head = b" ".join(items)
        if part.message is not None:
            return self._message(part, part.message, head, data)
        lines = b" %d" % self._lines(part, data) if part.type == "text" else b""
        extension = b"%b %b" % (self._field(part.fields, b"content-md5"), self._extension(part))
        return b"(%b%b)" % (head, lines), b"(%b%b %b)" % (head, lines, extension)

    def _message(self, part: Part, message: Part, head: bytes, data: bytes) -> tuple[bytes, bytes]:
        head += b" " + self.envelope(message.fields)
        body, extended = self.structure(message, data)
        lines = self._lines(part, data)
        extension = b"%b %b" % (self._field(part.fields, b"content-md5"), self._extension(part))
        return b"(%b %b %d)" % (head, body, lines), b"(%b %b %d %b)" % (head, extended, lines, extension)

    def _lines(self, part: Part, data: bytes) -> int:
        """Line ends in the body; what was counted for a message inside is not counted again."""
        start, end, count = self.counted
        if part.body_start <= start and end <= part.end:
            count += data.count(b"\n", part.body_start, start) + data.count(b"\n", end, part.end)
        else:
            count = data.count(b"\n", part.body_start, part.end)
        self.counted = (part.body_start, part.end, count)
        return count

    def _multipart(self, part: Part, data: bytes) -> tuple[bytes, bytes]:
        children = [self.structure(child, data) for child in part.children]
        subtype = string(part.subtype.upper().encode())
        return (
            b"(%b %b)" % (b"".join([body for body, _ in children]), subtype),
            b"(%b %b %b %b)"
            % (
                b"".join([extended for _, extended in children]),
                subtype,
                self._parameters(part.pairs),
                self._extension(part),
            ),
        )

    def _extension(self, part: Part) -> bytes:
        """body-fld-dsp, body-fld-lang, body-fld-loc."""
        disposition = b"NIL"
        if part.disposition:
            disposition = b"(%b %b)" % (
                string(part.disposition.encode("ascii", "replace")),
                self._parameters(part.disposition_pairs),
            )
        location = part.fields.get(b"content-location")
        if location is not None:
            location = b"".join(location.split())  # folded inside of the URL (RFC 2557 4.4.2)
        languages = self._languages(part.fields.get(b"content-language"))
        return b"%b %b %b" % (disposition, languages, self._string(location))

    def _languages(self, raw: bytes | None) -> bytes:
        if raw is None:
            return b"NIL"
        tags = [tag.strip() for tag in unfold(raw).split(b",") if tag.strip()]
        if len(tags) < 2:
            return self._string(tags[0]) if tags else b"NIL"
        return b"(%b)" % b" ".join([string(tag) for tag in tags[:100]])

    def _parameters(self, pairs: Pairs) -> bytes:
        if not pairs or self.used > MAX_STRUCTURE_TEXT:
            return b"NIL"
        self.used += sum([len(name) + len(value) for name, value in pairs])
        if self.used > MAX_STRUCTURE_TEXT:
            return b"NIL"
        return b"(%b)" % b" ".join(
            [b"%b %b" % (string(name.upper()), string(value)) for name, value in pairs]
        )


def _with_charset(part: Part) -> Pairs:
    """Text without a charset is US-ASCII (RFC 2045 5.2), and clients are told so."""
    if part.type != "text":
        return part.pairs
    for name, _ in part.pairs:
        if name in (b"charset", b"charset*"):
            return part.pairs
    return part.pairs + _DEFAULT_CHARSET


def _address(item: RawAddress) -> bytes:
    name, route, mailbox, host = item
    if mailbox is None or host is None:  # the marks of a group keep their NILs
        return b"(NIL NIL %b NIL)" % nstring(mailbox)
    # NIL would mean a group here, so what is missing is named, in the words of other servers.
    return b"(%b %b %b %b)" % (
        b"NIL" if name is None else string(name),
        b"NIL" if route is None else string(route),
        string(mailbox or b"MISSING_MAILBOX"),
        string(host or b"MISSING_DOMAIN"),
    )
