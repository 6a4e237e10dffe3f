"""Text as Postgres can store it: mail may say anything, a `text` column may not."""

from __future__ import annotations


def storable(text: str) -> str:
    """`text` without NULs, which Postgres has no place for, and with lone surrogates as U+FFFD."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
