"""The end of DATA and the dots in it, sans-IO: octets in as they come, message out with whole CRLF lines."""

from __future__ import annotations

import re

_END = b"\r\n.\r\n"
_STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n")
# Every suffix of what came so far that could still become the end, longest first.
_BEGINNINGS = tuple(_END[:length] for length in range(len(_END) - 1, 0, -1))


class DotDecoder:
    """Finds `<CRLF>.<CRLF>`, and nothing else, as the end; so nothing can be smuggled behind a lesser one.

    Dots are unstuffed only after CRLF (RFC 5321 4.5.2). A CR or LF that stands alone is counted in `stray`
    and made CRLF, after the end was looked for.
    """

    def __init__(self) -> None:
        self._held = b"\r\n"  # the message begins at the beginning of a line ...
        self._skip = 2  # ... whose CRLF is not its own
        self.stray = False
        self.rest: bytes | None = None
        """What followed the end; None while it has not come."""

    def feed(self, data: bytes) -> bytes:
        """Take octets as they come; returns the part of the message that is certain by now."""
        data = self._held + data
        end = data.find(_END)
        if end >= 0:
            self.rest = data[end + len(_END) :]
            self._held = b""
            return self._decode(data[: end + 2])
        held = 0
        for beginning in _BEGINNINGS:
            if data.endswith(beginning):
                held = len(beginning)
                break
        cut = len(data) - held
        self._held = data[cut:]
        return self._decode(data[:cut])

    def _decode(self, data: bytes) -> bytes:
        if not data:
            return b""
        data = data.replace(b"\r\n.", b"\r\n")
        lines = data.count(b"\r\n")
        if data.count(b"\n") != lines or data.count(b"\r") != lines:
            # A CRLF is never cut in two: a CR at the end of a piece is held back until the next one.
            self.stray = True
            data = _STRAY.sub(b"\r\n", data)
        if self._skip:
            data = data[self._skip :]
            self._skip = 0
        return data
