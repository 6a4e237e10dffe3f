"""Bytes in a declared, wrong or missing charset -> text."""

from __future__ import annotations

import re
from encodings.aliases import aliases
from functools import lru_cache

# Only codecs that are charsets: never zlib, and none that is slow on hostile input (punycode, idna).
_NOT_CHARSETS = frozenset({"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec"})
_NOT_CHARSETS |= {"zlib_codec", "mbcs"}
_CODECS = {
    label: codec
    for codec in set(aliases.values()) - _NOT_CHARSETS
    for label in (codec, *(alias for alias, target in aliases.items() if target == codec))
}
# What mail calls by one name and means by a wider one (WHATWG Encoding 4.2), and names Python lacks.
_CODECS |= {
    "ascii": "ascii",
    "latin_1": "cp1252",
    "iso_8859_1": "cp1252",
    "iso8859_1": "cp1252",
    "latin1": "cp1252",
    "l1": "cp1252",
    "iso_8859_9": "cp1254",
    "iso8859_9": "cp1254",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "euc_cn": "gb18030",
    "ks_c_5601_1987": "cp949",
    "ksc5601": "cp949",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "x_sjis": "cp932",
    "windows_31j": "cp932",
    "iso_2022_jp": "iso2022_jp_ext",
    "tis_620": "cp874",
    "windows_874": "cp874",
    "utf8mb4": "utf_8",
    "unicode_1_1_utf_8": "utf_8",
    "unicode_1_1_utf_7": "utf_7",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "cp_850": "cp850",
    "x_windows_949": "cp949",
}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@lru_cache(maxsize=256)
def codec(charset: str) -> str | None:
    """The Python codec for a charset label, or None where the label means nothing."""
    label = re.sub(r"[^a-z0-9]+", "_", charset[:60].lower()).strip("_")
    found = _CODECS.get(label)
    return None if found == "ascii" else found  # what says ASCII and is not, is guessed


def guess(data: bytes) -> str:
    """Text of bytes whose charset nobody told: UTF-8 if it is, else Windows-1252."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def decode(data: bytes, charset: str = "") -> str:
    """Text of `data`; what cannot be read becomes U+FFFD."""
    name = codec(charset) if charset else None
    if name is None:
        return guess(data)
    if name == "cp1252" and not data.isascii():
        return guess(data)  # Latin-1 is the label of many that never asked which charset they had
    return data.decode(name, "replace")


def clean(text: str) -> str:
    """`text` without what Postgres or a terminal cannot hold: NUL, control characters, lone surrogates."""
    if text.isascii():
        return text if text.isprintable() else _UNPRINTABLE.sub("", text)
    return _UNPRINTABLE.sub("", text).encode("utf-8", "replace").decode()
