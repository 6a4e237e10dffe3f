"""A remote server's replies: bytes in, `Reply` objects out, within bounds whatever the server sends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_LIMIT = 8_192
"""Sixteen times what RFC 5321 4.5.3.1.5 allows: servers put whole URLs into refusals."""
_LINES_LIMIT = 200
_LINE = re.compile(r"([2-5][0-9]{2})(?:([ -])(.*))?")
_ENHANCED = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?: |$)")


class ProtocolError(Exception):
    """What the server sent is not SMTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, perhaps of several lines (RFC 5321 4.2)."""

    code: int
    lines: tuple[str, ...]

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    @property
    def text(self) -> str:
        """The reply in one line, as it is shown to people: code, enhanced code, words."""
        first, *others = self.lines
        enhanced = _ENHANCED.match(first)
        if enhanced:  # repeated on each line (RFC 2034 4)
            others = [line.removeprefix(enhanced[0]) for line in others]
        return " ".join([str(self.code), *filter(None, (first, *others))])

    @property
    def status(self) -> str:
        """The RFC 3463 status: the server's own if its class agrees with the code, else one of the code's class."""
        enhanced = _ENHANCED.match(self.lines[0])
        family = 2 if self.positive else 5 if self.permanent else 4
        if enhanced and int(enhanced[1]) == family:
            return enhanced[0].strip()
        return _PLAIN.get(self.code, f"{family}.0.0")


_PLAIN = {
    421: "4.3.2",
    450: "4.2.1",
    452: "4.3.1",
    550: "5.1.1",
    551: "5.1.6",
    552: "5.2.2",
    553: "5.1.3",
    556: "5.1.10",
}
"""What servers without enhanced codes mean (RFC 5321 4.2.3)."""


class ReplyParser:
    """Cuts the server's octets into replies."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[str] = []
        self._code = 0

    @property
    def pending(self) -> bool:
        """Whether octets were received that are no whole reply."""
        return bool(self._buffer or self._lines)

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The replies that `data` completes, then `ProtocolError` if it goes wrong: what came before it counts."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            reply = self._line(line)
            if reply is not None:
                yield reply
        if len(self._buffer) > _LINE_LIMIT:
            raise ProtocolError("reply line too long")

    def _line(self, line: bytes) -> Reply | None:
        if len(line) > _LINE_LIMIT:
            raise ProtocolError("reply line too long")
        match = _LINE.fullmatch(line.decode("utf-8", "replace").rstrip("\r"))
        if match is None:
            raise ProtocolError(f"not an SMTP reply: {line[:80].decode('ascii', 'replace')!r}")
        code, separator, text = int(match[1]), match[2] or " ", match[3] or ""
        # RFC 5321 4.2.1: the code is the same on every line; the last counts where it is not.
        self._code = code
        self._lines.append(text.strip())
        if separator == "-":
            if len(self._lines) > _LINES_LIMIT:
                raise ProtocolError("reply of too many lines")
            return None
        reply = Reply(self._code, tuple(self._lines))
        self._lines = []
        return reply
