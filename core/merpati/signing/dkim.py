"""Signing: one DKIM-Signature field for a finished message (RFC 6376 5)."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Sequence

from merpati.signing.canonical import Field, relaxed_body, relaxed_header, split
from merpati.signing.keys import DkimKey

# RFC 6376 5.4.1, without fields that lists and relays rewrite on their honest way (Sender, List-*).
SIGNED = (
    b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references",
    b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
# One mention more than there are fields: nobody can add another (RFC 6376 8.15).
_OVERSIGNED = (b"from", b"to", b"cc", b"subject", b"date", b"reply-to")
_BASE64_WIDTH = 72


def sign(message: bytes, keys: Sequence[DkimKey], now: float | None = None) -> bytes:
    """The DKIM-Signature fields to put before `message`, one a key. Lines end with CRLF; sign last of all."""
    fields, body = split(message)
    digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
    chosen = _chosen(fields)
    stamp = int(time.time() if now is None else now)
    return b"".join(_field(key, chosen, digest, stamp) for key in keys)


def _chosen(fields: Sequence[Field]) -> list[tuple[bytes, bytes | None]]:
    """What is signed, in order: of several fields of one name the last first (RFC 6376 5.4.2)."""
    chosen: list[tuple[bytes, bytes | None]] = []
    for name in SIGNED:
        present = [value for found, value in fields if found.strip().lower() == name]
        chosen += [(name, value) for value in reversed(present)]
        if name in _OVERSIGNED:
            chosen.append((name, None))
    return chosen


def _field(key: DkimKey, chosen: Sequence[tuple[bytes, bytes | None]], digest: bytes, stamp: int) -> bytes:
    value = (
        f" v=1; a={key.algorithm.value}; c=relaxed/relaxed; d={key.domain}; s={key.selector};\r\n"
        f"\tt={stamp}; bh={digest.decode()};\r\n"
        f"\th={_names(chosen)};\r\n"
        "\tb="
    ).encode()
    signed = [relaxed_header(name, field) for name, field in chosen if field is not None]
    # The signature's own field comes last, without `b=`'s value and without a line end (RFC 6376 3.7).
    signed.append(relaxed_header(b"DKIM-Signature", value).rstrip(b"\r\n"))
    data = b"".join(signed)
    signature = base64.b64encode(key.signature(data, hashlib.sha256(data).digest()))
    return b"DKIM-Signature:" + value + _folded(signature) + b"\r\n"


def _names(chosen: Sequence[tuple[bytes, bytes | None]]) -> str:
    lines: list[str] = [""]
    for name, _ in chosen:
        word = name.decode().title()
        if len(lines[-1]) + len(word) > _BASE64_WIDTH:
            lines.append("")
        lines[-1] += f"{word}:"
    return "\r\n\t ".join(lines).rstrip(":")


def _folded(signature: bytes) -> bytes:
    pieces = [signature[at : at + _BASE64_WIDTH] for at in range(0, len(signature), _BASE64_WIDTH)]
    return b"\r\n\t ".join(pieces)
