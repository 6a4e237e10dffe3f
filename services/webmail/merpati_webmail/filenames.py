"""Names and types of attachments as they leave us: never a header of the sender's making, never a type that acts."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from urllib.parse import quote

# What a browser does not run even when somebody opens the download in it. Everything else, HTML, SVG,
# XML, PDF and scripts among it, leaves as plain bytes.
_SAFE_TYPES = frozenset(
    """audio/mpeg audio/ogg audio/wav image/bmp image/gif image/jpeg image/png image/webp text/plain
    video/mp4 video/webm application/zip application/gzip application/msword application/vnd.ms-excel
    application/vnd.ms-powerpoint application/vnd.oasis.opendocument.text
    application/vnd.oasis.opendocument.spreadsheet
    application/vnd.openxmlformats-officedocument.wordprocessingml.document
    application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
    application/vnd.openxmlformats-officedocument.presentationml.presentation""".split()
)
_BYTES = "application/octet-stream"
_RESERVED = re.compile(r'[\\/:*?"<>|]')
_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)

# What inline pictures may be, by their own first bytes: the declared type is the sender's claim.
_MAGIC = (
    ("image/png", lambda data: data.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", lambda data: data.startswith(b"\xff\xd8\xff")),
    ("image/gif", lambda data: data[:6] in (b"GIF87a", b"GIF89a")),
    ("image/webp", lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP"),
    ("image/bmp", lambda data: data.startswith(b"BM")),
)


def safe_type(declared: str) -> str:
    """The type an attachment is sent with."""
    return declared if declared in _SAFE_TYPES else _BYTES


def picture_type(data: bytes) -> str | None:
    """The type of a raster picture, by its content; None if it is none."""
    return next((name for name, test in _MAGIC if test(data)), None)


def safe_name(name: str | None, content_type: str = _BYTES) -> str:
    """A file name that no system misunderstands: no path, no control or direction characters, bounded."""
    if not name:
        name = "message.eml" if content_type == "message/rfc822" else "attachment" + _extension(content_type)
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    # Cc, Cf: controls, and the overrides that make exe.jpg of gpj.exe; Cs, Co, Cn: nothing that prints.
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    name = _RESERVED.sub("_", name).strip(" .") or "attachment"
    if _WINDOWS.fullmatch(name):
        name = "_" + name
    if len(name) <= 120:
        return name
    stem, dot, extension = name.rpartition(".")
    return f"{stem[:100]}{dot}{extension[:16]}" if dot else name[:120]


def disposition(name: str) -> str:
    """The value of Content-Disposition that downloads as `name` (RFC 6266, RFC 8187); always an attachment."""
    plain = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _extension(content_type: str) -> str:
    return mimetypes.guess_extension(content_type) or ""
