"""Folder names: what may be one, and how it is spelt on disk (Maildir++, modified UTF-7, listescape)."""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Iterator

from merpati.platform.errors import Invalid

SEPARATOR = "/"
INBOX = "INBOX"
MAX_DIR = 255  # bytes: a Maildir++ folder, however deep, is one directory entry
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SHIFTED = re.compile(r"[^\x20-\x7e]+")
_UNSHIFT = re.compile(r"&([^-]*)-")


def normalise(name: str) -> str:
    """The one spelling of a folder's name; raises `Invalid` where it can be none.

    INBOX is case-insensitive (RFC 9051 5.1), also as the root of others, as in Dovecot.
    """
    name = unicodedata.normalize("NFC", name).removesuffix(SEPARATOR)
    if _CONTROL.search(name):
        raise Invalid("a folder name may not contain control characters")
    parts = name.split(SEPARATOR)
    if not all(parts):
        raise Invalid("a folder name may not be empty")
    if parts[0].upper() == INBOX:
        parts[0] = INBOX
    name = SEPARATOR.join(parts)
    if len(to_dir(name).encode()) > MAX_DIR:
        raise Invalid("the folder name is too long")
    return name


def parents(name: str) -> Iterator[str]:
    """The names above `name`, outermost first."""
    parts = name.split(SEPARATOR)
    for depth in range(1, len(parts)):
        yield SEPARATOR.join(parts[:depth])


def to_dir(name: str) -> str:
    """The directory of a folder below the account's Maildir; INBOX is the Maildir itself, ''."""
    if name == INBOX:
        return ""
    return "".join("." + _escape(utf7_encode(part)) for part in name.split(SEPARATOR))


def from_dir(directory: str) -> str:
    """The folder that a directory on disk stands for; raises `Invalid` where it is no Maildir++ name."""
    if directory == "":
        return INBOX
    if not directory.startswith("."):
        raise Invalid(f"not a Maildir++ folder: {directory!r}")
    return normalise(SEPARATOR.join(utf7_decode(_unescape(part)) for part in directory[1:].split(".")))


def _escape(part: str) -> str:
    # Dovecot's listescape: a character that means something on disk becomes a backslash and its hex code.
    return part.replace("\\", "\\5c").replace(".", "\\2e")


def _unescape(part: str) -> str:
    return re.sub(r"\\([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), part)


def utf7_encode(text: str) -> str:
    """Modified UTF-7 (RFC 3501 5.1.3)."""

    def shift(found: re.Match[str]) -> str:
        coded = binascii.b2a_base64(found[0].encode("utf-16-be"), newline=False).decode()
        return "&" + coded.rstrip("=").replace("/", ",") + "-"

    return _SHIFTED.sub(shift, text.replace("&", "&-"))


def utf7_decode(text: str) -> str:
    """The text of modified UTF-7; raises `Invalid` where it is none."""

    def unshift(found: re.Match[str]) -> str:
        coded = found[1].replace(",", "/")
        if not coded:
            return "&"
        return binascii.a2b_base64(coded + "=" * (-len(coded) % 4)).decode("utf-16-be")

    try:
        return _UNSHIFT.sub(unshift, text)
    except ValueError as error:  # not Base64, not UTF-16
        raise Invalid("not modified UTF-7") from error
