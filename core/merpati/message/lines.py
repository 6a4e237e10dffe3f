"""Line endings: mail on disk and on the wire has CRLF and nothing else."""

from __future__ import annotations

import re

_STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def normalise_line_ends(data: bytes) -> bytes:
    """Turn each lone CR or LF into CRLF (RFC 5321 2.3.8 forbids both)."""
    pairs = data.count(b"\r\n")
    if data.count(b"\n") == pairs and data.count(b"\r") == pairs:
        return data
    return _STRAY.sub(b"\r\n", data)
