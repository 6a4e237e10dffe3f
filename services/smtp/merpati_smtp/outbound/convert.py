"""8-bit and long-line mail made fit for a hop that can't take it: part by part, the structure kept (RFC 6152 3)."""

from __future__ import annotations

import base64
import binascii
import re
from email.header import Header

from merpati.message import Part, normalise_line_ends, parse

LINE_LIMIT = 998
"""Octets in a line without its end (RFC 5322 2.1.1)."""
_FIELD = re.compile(rb"(?m)^([!-9;-~]+[ \t]*:)([^\n]*(?:\n[ \t][^\n]*)*)(\n|\Z)")
_ENCODING = re.compile(rb"(?im)^content-transfer-encoding[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)")
_IDENTITY = ("7bit", "8bit", "binary")


class Unconvertible(Exception):
    """The message is so badly formed that it can't be made 7-bit without losing something."""


def convert(data: bytes, *, eightbit_ok: bool) -> bytes:
    """`data` with lines of at most 998 octets and, unless `eightbit_ok`, of ASCII alone. Raises `Unconvertible`."""
    root = parse(data)
    converted = _Converter(data, eightbit_ok).part(root)
    if b"mime-version" not in root.fields:  # else nobody would undo the encoding
        converted = _declaration(root, data) + converted
    if not _fits(converted, eightbit_ok):
        raise Unconvertible
    return converted


def _declaration(root: Part, data: bytes) -> bytes:
    if b"content-type" in root.fields:
        return b"MIME-Version: 1.0\r\n"
    try:
        data.decode()
        charset = b"utf-8"
    except UnicodeDecodeError:
        charset = b"unknown-8bit"  # RFC 1428 3
    return b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=" + charset + b"\r\n"


class _Converter:
    def __init__(self, data: bytes, eightbit_ok: bool) -> None:
        self.data = data
        self.eightbit_ok = eightbit_ok

    def part(self, part: Part) -> bytes:
        header, body = self.data[part.header_start : part.body_start], self.data[part.body_start : part.end]
        if _fits(header + body, self.eightbit_ok):
            return header + body
        header = _header(header, self.eightbit_ok)
        if part.children:
            return self._plain(header) + self._between(part)
        if part.message is not None:
            return self._plain(header) + self.part(part.message)
        if _fits(body, self.eightbit_ok):
            return header + body
        return self._leaf(part, header)

    def _plain(self, header: bytes) -> bytes:
        """The header of a part that holds parts; it may say nothing but 7bit or 8bit (RFC 2045 6.4)."""
        return header if self.eightbit_ok else _with_encoding(header, b"7bit")

    def _between(self, part: Part) -> bytes:
        """The children converted, and what stands between them as it is (boundaries) or masked (preamble)."""
        pieces = []
        position = part.body_start
        for child in part.children:
            pieces += [self.data[position : child.header_start], self.part(child)]
            position = child.end
        pieces.append(self.data[position : part.end])
        return b"".join(pieces)

    def _leaf(self, part: Part, header: bytes) -> bytes:
        """A part in a transfer encoding; one that had a broken one is encoded anew."""
        content = part.content(self.data)
        declared = part.fields.get(b"content-type", b"").strip().lower()
        # A multipart without its boundary, or a message cut short: they can't be in an encoding (RFC 2045 6.4).
        if declared.startswith(b"multipart/") or (
            declared.startswith(b"message/") and part.encoding in _IDENTITY
        ):
            raise Unconvertible
        if part.type == "text" and part.encoding != "base64":
            body = _quoted_printable(content)
            return _with_encoding(header, b"quoted-printable") + body
        return _with_encoding(header, b"base64") + _base64(content)


def _fits(data: bytes, eightbit_ok: bool) -> bool:
    if not eightbit_ok and not data.isascii():
        return False
    return max(map(len, data.split(b"\n"))) <= LINE_LIMIT + 1  # and its CR


def _with_encoding(header: bytes, encoding: bytes) -> bytes:
    """`header` (with its empty line) saying `encoding`."""
    bare = _ENCODING.sub(b"", header).rstrip(b"\r\n")
    return bare + b"\r\n" * bool(bare) + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n"


def _quoted_printable(content: bytes) -> bytes:
    lines = normalise_line_ends(content).split(b"\r\n")
    # Line by line, so that the line ends stay line ends; soft breaks are CRLF on the wire.
    return b"\r\n".join(binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n") for line in lines)


def _base64(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n").removesuffix(b"\r\n")


def _header(header: bytes, eightbit_ok: bool) -> bytes:
    """Header fields folded, and 8-bit words encoded (RFC 2047) where the hop is 7-bit."""
    return _FIELD.sub(lambda field: _field(field, eightbit_ok), header)


def _field(field: re.Match[bytes], eightbit_ok: bool) -> bytes:
    whole: bytes = field[0]
    if _fits(whole, eightbit_ok):
        return whole
    value: bytes = field[2]
    if not eightbit_ok and not value.isascii():
        value = b" ".join(map(_word, re.split(rb"(?:\r?\n)?[ \t]+", value.strip())))
        value = b" " + value
    return field[1] + _fold(value.rstrip(b"\r")) + b"\r\n"


def _word(word: bytes) -> bytes:
    """A word of a header as encoded-words; undeclared octets that are no UTF-8 are called what RFC 1428 calls them."""
    if word.isascii():
        return word
    try:
        return Header(word.decode(), "utf-8", maxlinelen=75).encode(linesep="\r\n").encode()
    except UnicodeDecodeError:
        text = b"".join(b"=%02X" % octet for octet in word)
        pieces = [text[start : start + 45] for start in range(0, len(text), 45)]
        return b"\r\n ".join(b"=?unknown-8bit?Q?" + piece + b"?=" for piece in pieces)


def _fold(value: bytes) -> bytes:
    """`value` with its long lines broken: at blanks, else in the middle, as other mail servers do."""
    lines = []
    for line in value.split(b"\r\n"):
        while len(line) > LINE_LIMIT - 80:  # room for the field's name
            cut = max(line.rfind(b" ", 1, LINE_LIMIT - 80), line.rfind(b"\t", 1, LINE_LIMIT - 80))
            if cut > 0:
                lines.append(line[:cut])
                line = line[cut:]
            else:
                lines.append(line[: LINE_LIMIT - 80])
                line = b" " + line[LINE_LIMIT - 80 :]
        lines.append(line)
    return b"\r\n".join(lines)
