"""Content-Type and Content-Disposition: value and parameters (RFC 2045 5.1, RFC 2183), with RFC 2231."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from merpati.message import charsets
from merpati.message.headers import unfold
from merpati.message.limits import MAX_FILENAME, MAX_PARAMETERS, REMEMBERED_FIELD
from merpati.message.words import decode_header

# name = "quoted" | token. An unclosed quote runs to the end; a token may hold blanks and slashes
# (`name=my file.pdf` is common), so it runs to the next semicolon.
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;"]*))', re.DOTALL)
_COMMENT = re.compile(rb"\([^()]*\)")
_SECTION = re.compile(rb"([^*]+)(?:\*(\d{1,4}))?(\*)?")

Pairs = tuple[tuple[bytes, bytes], ...]


class Valued(NamedTuple):
    """A header value and its parameters, names in lower case, RFC 2231 continuations joined."""

    value: bytes
    pairs: Pairs


def parse_valued(raw: bytes) -> Valued:
    """Read `text/plain; charset=utf-8` and its like."""
    return _remembered(raw) if len(raw) <= REMEMBERED_FIELD else _read(raw)


def _read(raw: bytes) -> Valued:
    line = unfold(raw)
    value, semicolon, _ = line.partition(b";")
    value = value.strip(b" \t")
    if b"(" in value:
        value = _COMMENT.sub(b"", value).strip(b" \t")
    if not semicolon:
        return Valued(value, ())
    pairs: list[tuple[bytes, bytes]] = []
    starred = False
    for match in _PARAMETER.finditer(line):
        name, quoted, token = match.groups()
        starred = starred or b"*" in name
        name = name.lower()
        pairs.append((name, _unescape(quoted) if token is None else _bare(name, token)))
        if len(pairs) == MAX_PARAMETERS:
            break
    return Valued(value, tuple(_join(pairs) if starred else pairs))


_remembered = lru_cache(maxsize=512)(_read)


def _bare(name: bytes, token: bytes) -> bytes:
    """A value without quotes; what looks like a comment in a file name is part of it: `report (1).pdf`."""
    if b"(" in token and not name.startswith((b"name", b"filename")):
        token = token.partition(b"(")[0]
    return token.strip(b" \t")


def _unescape(quoted: bytes) -> bytes:
    # Windows paths in a file name are not escapes: only \" and \\ are.
    return re.sub(rb'\\(["\\])', rb"\1", quoted) if b"\\" in quoted else quoted


def _join(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Join `name*0`, `name*1*` … to one `name`, or `name*` where any piece is encoded (RFC 2231 3, 4.1)."""
    pieces: dict[bytes, list[tuple[int, bool, bytes]]] = {}
    joined: list[tuple[bytes, bytes]] = []
    for name, value in pairs:
        match = _SECTION.fullmatch(name)
        if match is None or match[2] is None:
            joined.append((name, value))
            continue
        pieces.setdefault(match[1], []).append((int(match[2]), match[3] is not None, value))
    for name, found in pieces.items():
        found.sort()
        encoded = any(starred for _, starred, _ in found)
        whole = b"".join(
            value if starred or not encoded else value.replace(b"%", b"%25") for _, starred, value in found
        )
        joined.append((name + b"*" if encoded else name, whole))
    return joined


def decode_pairs(pairs: Pairs) -> dict[str, str]:
    """Parameters as text; the RFC 2231 form of a name wins over the plain one (RFC 5987 4.2)."""
    decoded: dict[str, str] = {}
    for name, value in pairs:
        key = name.decode("ascii", "replace")
        if name.endswith(b"*"):
            decoded[key[:-1]] = _decode_extended(value)
        else:
            decoded.setdefault(key, decode_header(value))
    return decoded


def _decode_extended(value: bytes) -> str:
    charset, quote, rest = value.partition(b"'")
    _, second, text = rest.partition(b"'")
    if not quote or not second:  # no charset given
        return charsets.clean(charsets.guess(unquote_to_bytes(value)))
    return charsets.clean(charsets.decode(unquote_to_bytes(text), charset.decode("ascii", "replace")))


def safe_filename(name: str) -> str | None:
    """The last component, without control characters, never empty and never a dot name's trick."""
    base = re.split(r"[/\\]", name)[-1]
    base = "".join(character for character in base if character.isprintable()).strip().strip(".")
    if len(base) > MAX_FILENAME:
        stem, dot, extension = base.rpartition(".")
        keep = f".{extension}" if dot and len(extension) <= 10 else ""
        base = (stem if keep else base)[: MAX_FILENAME - len(keep)] + keep
    return base or None
