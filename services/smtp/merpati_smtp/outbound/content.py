"""A queued message as the next hop can take it: whole or in pieces, dots stuffed (RFC 5321 4.5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from merpati_smtp.outbound.convert import LINE_LIMIT, convert

_PIECE = 256 * 1024
_DOT = re.compile(rb"(?m)^\.")


class Content:
    """The octets of one message from `offset` in its file on, converted if need be.

    Its methods block; small messages are read in the event loop, others in a thread.
    """

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._data: bytes | None = None
        self.size = 0
        self.eightbit = False

    def open(self) -> None:
        """Learn the size. Raises `OSError`."""
        self.size = self._path.stat().st_size - self._offset

    @property
    def small(self) -> bool:
        return self.size <= _PIECE

    def prepare(self, *, eightbit_ok: bool) -> None:
        """Look at the message and convert what the hop can't take. Raises `Unconvertible` and `OSError`."""
        if self.small:
            self._data = b"".join(self._read())
        self.eightbit, long_lines = self._look()
        if long_lines or (self.eightbit and not eightbit_ok):
            self._data = convert(b"".join(self._read()), eightbit_ok=eightbit_ok)
            self.size = len(self._data)
            self.eightbit = self.eightbit and eightbit_ok

    def pieces(self) -> Iterator[bytes]:
        """What goes over the wire after 354, with the final dot."""
        at_line_start = True
        tail = b""
        for piece in self._read():
            stuffed = _DOT.sub(b"..", piece)
            if not at_line_start and piece.startswith(b"."):
                stuffed = stuffed[1:]
            at_line_start = piece.endswith(b"\n")
            tail = (tail + piece)[-2:]
            yield stuffed
        yield b".\r\n" if tail == b"\r\n" or not tail else b"\r\n.\r\n"

    def _look(self) -> tuple[bool, bool]:
        """Whether there are 8-bit octets, and lines longer than RFC 5321 4.5.3.1.6 allows."""
        eightbit = long_lines = False
        rest = 0
        for piece in self._read():
            eightbit = eightbit or not piece.isascii()
            lengths = list(map(len, piece.split(b"\n")))
            lengths[0] += rest
            rest = lengths[-1]
            long_lines = long_lines or max(lengths) > LINE_LIMIT + 1
        return eightbit, long_lines

    def _read(self) -> Iterator[bytes]:
        if self._data is not None:
            yield self._data
            return
        with open(self._path, "rb", buffering=0) as file:
            file.seek(self._offset)
            while piece := file.read(_PIECE):
                yield piece
