"""Where a command ends: lines and literals (RFC 9051 4.3, RFC 7888) cut out of a byte stream, bounded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LINE_LIMIT: Final = 64 * 1024
"""Octets of a command without its literals; a long UID set of a client that lost touch is near 8,000."""
DISCARD_LIMIT: Final = 256 * 1024 * 1024
"""A refused non-synchronising literal up to this size is read and dropped; a larger one ends the connection."""

SPOOL_OVER: Final = 256 * 1024
"""Octets above which a literal that may be spooled is."""

_LITERAL = re.compile(rb"~?\{(\d{1,20})(\+?)\}\Z")

LiteralLimit = Callable[[bytes], int]
"""From the command so far to the octets that its literals may have together."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole command: its lines and literals as they came, without the last CRLF."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Continue:
    """The client waits for a `+` before it sends a literal."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A command with a line or literal over the limit; it was dropped. `head` still shows its tag."""

    head: bytes
    literal: bool
    """Whether a literal was too large; otherwise the line was."""
    fatal: bool = False
    """The rest cannot be skipped in bounded time: the connection has to end."""


@dataclass(frozen=True, slots=True)
class Spool:
    """A literal follows that is not kept: its octets come as `Octets`, and the frame has `{0}` in its place."""

    waits: bool
    """Whether the client waits for a `+`."""


@dataclass(frozen=True, slots=True)
class Octets:
    """Some octets of a spooled literal."""

    data: bytes


Event = Frame | Continue | Refused | Spool | Octets


class Framer:
    """Cuts `buffer`, which its owner appends to, into commands.

    Literals stay in the frame as they came, `{5}\\r\\nhello`, so that a command is one piece of bytes.
    """

    def __init__(
        self,
        buffer: bytearray,
        literal_limit: LiteralLimit,
        *,
        line_limit: int = LINE_LIMIT,
        spools: Callable[[bytes], bool] = lambda head: False,
    ) -> None:
        self.line_limit = line_limit
        self._spools = spools  # whether the large literals of a command that begins so are spooled
        self._buffer = buffer
        self._literal_limit = literal_limit
        self._start = 0  # of the line that is being looked for
        self._scanned = 0  # no line end before this
        self._literals = 0  # octets of literals in the command so far
        self._spooling = 0  # octets of a spooled literal still to come
        self._spooled = 0  # octets of spooled literals in the command so far
        self._skip = 0  # octets of a refused literal still to drop
        self._refused: Refused | None = None

    def line(self) -> bytes | None:
        """The next bare line (of IDLE or AUTHENTICATE), whatever it looks like; None: not there yet.

        A line over the limit is cut there: no base64 or DONE is that long, so it fails as what it is.
        """
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            if len(self._buffer) <= self.line_limit:
                self._scanned = len(self._buffer)
                return None
            end = self.line_limit
        line = bytes(self._buffer[:end])
        self._consume(end + 1)
        return line.removesuffix(b"\r")

    def next(self) -> Event | None:
        """The next thing to do; None: more bytes are needed."""
        while True:
            if self._skip and not self._drop():
                return None
            if self._spooling:
                return self._spool_octets()
            end = self._buffer.find(b"\n", max(self._scanned, self._start))
            if end < 0:
                self._scanned = len(self._buffer)
                return self._line_too_long() if self._line_octets(len(self._buffer)) else None
            if self._line_octets(end):
                self._refuse(self._buffer[: self._start + 64], literal=False)
            stop = end - 1 if end and self._buffer[end - 1] == 0x0D else end
            literal = _LITERAL.search(bytes(self._buffer[max(self._start, stop - 24) : stop]))
            if literal is None:
                return self._finish(stop, end)
            event = self._begin_literal(int(literal[1]), bool(literal[2]), end)
            if event is not None:
                return event

    def _line_octets(self, end: int) -> bool:
        return end - self._literals > self.line_limit

    def _finish(self, stop: int, end: int) -> Event:
        refused, self._refused = self._refused, None
        data = bytes(memoryview(self._buffer)[:stop]) if refused is None else b""
        self._consume(end + 1)
        return refused or Frame(data)

    def _consume(self, count: int) -> None:
        del self._buffer[:count]
        self._start = self._scanned = self._literals = self._spooled = 0

    def _begin_literal(self, size: int, unasked: bool, end: int) -> Event | None:
        """A literal follows the line that ends at `end`."""
        head = bytes(self._buffer[:256])
        if self._refused is None and self._literals + self._spooled + size > self._literal_limit(head):
            self._refuse(self._buffer[:64], literal=True)
            if not unasked:  # the client waits, and learns from the tagged reply to leave it
                return self._finish(end, end)
        if self._refused is not None:
            return self._skip_literal(size, unasked, end)
        if size > SPOOL_OVER and self._spools(head):
            return self._begin_spool(size, unasked, end)
        self._scanned = self._start = end + 1 + size
        self._literals += size
        return None if unasked else Continue()

    def _begin_spool(self, size: int, unasked: bool, end: int) -> Event:
        brace = self._buffer.rindex(b"{", 0, end)
        self._buffer[brace : end + 1] = b"{0}\r\n"
        self._scanned = self._start = brace + 5
        self._spooling = size
        self._spooled += size
        return Spool(waits=not unasked)

    def _spool_octets(self) -> Event | None:
        data = bytes(memoryview(self._buffer)[self._start : self._start + self._spooling])
        if not data:
            return None
        del self._buffer[self._start : self._start + len(data)]
        self._spooling -= len(data)
        return Octets(data)

    # A refused command is read to its end, holding nothing but its beginning

    def _refuse(self, head: bytearray, *, literal: bool) -> None:
        if self._refused is None:
            self._refused = Refused(bytes(head[:64]), literal)

    def _line_too_long(self) -> Event | None:
        self._refuse(self._buffer, literal=False)
        self._consume(len(self._buffer))
        return None

    def _skip_literal(self, size: int, unasked: bool, end: int) -> Event | None:
        assert self._refused is not None
        self._consume(end + 1)
        if size > DISCARD_LIMIT:
            refused, self._refused = self._refused, None
            return Refused(refused.head, refused.literal, fatal=True)
        if not unasked:
            refused, self._refused = self._refused, None
            return refused
        self._skip = size
        return None

    def _drop(self) -> bool:
        """Drop what has come of a refused literal; whether all of it has."""
        count = min(self._skip, len(self._buffer))
        self._consume(count)
        self._skip -= count
        return self._skip == 0
