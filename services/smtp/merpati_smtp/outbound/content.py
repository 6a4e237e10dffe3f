"""A queued message as the next hop takes it: converted, signed, whole or in pieces, dots stuffed (RFC 5321 4.5.2)."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from merpati.signing import DkimKey, sign
from merpati_smtp.outbound.convert import LINE_LIMIT, convert

_PIECE = 256 * 1024
_CONVERTERS = ThreadPoolExecutor(2, "convert")
"""Converting and signing take several times a message's size in memory: two at a time."""
_DOT = re.compile(rb"(?m)^\.")


class Content:
    """The octets of one message from `offset` in its file on, converted if need be.

    A large one is never kept in memory: what it was converted to goes to a file without a name in `scratch`.
    """

    def __init__(self, path: Path, offset: int, scratch: Path) -> None:
        self._path = path
        self._offset = offset
        self._scratch = scratch
        self._data: bytes | None = None
        self._converted: IO[bytes] | None = None
        self._signatures = b""
        self.size = 0
        self.eightbit = False

    @property
    def small(self) -> bool:
        """Whether it is read at once, in the event loop."""
        return self.size <= _PIECE

    async def prepare(self, *, eightbit_ok: bool) -> None:
        """Look at the message and convert what the hop can't take. Raises `Unconvertible` and `OSError`."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.size = max(0, os.fstat(descriptor).st_size - self._offset)
            if self.small:
                self._data = os.pread(descriptor, self.size, self._offset)
        finally:
            os.close(descriptor)
        misfit = (
            self._misfit(eightbit_ok) if self.small else await asyncio.to_thread(self._misfit, eightbit_ok)
        )
        if misfit:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(_CONVERTERS, self._convert, eightbit_ok)

    def beginning(self) -> bytes:
        """The message's first octets: its header, unless that is huge."""
        return next(self._read(), b"")

    async def sign(self, keys: Sequence[DkimKey]) -> None:
        """Put signatures before the message; the last change of all, or they would not verify. Raises `OSError`."""
        if self.small:
            signatures = self._sign(keys)
        else:
            signatures = await asyncio.get_running_loop().run_in_executor(_CONVERTERS, self._sign, keys)
        self._signatures = signatures
        self.size += len(signatures)

    def _sign(self, keys: Sequence[DkimKey]) -> bytes:
        return sign(b"".join(self._read()), keys)

    def close(self) -> None:
        """Let go of what was converted."""
        if self._converted is not None:
            self._converted.close()

    def _misfit(self, eightbit_ok: bool) -> bool:
        self.eightbit, long_lines = self._look()
        return long_lines or (self.eightbit and not eightbit_ok)

    def _convert(self, eightbit_ok: bool) -> None:
        data = convert(b"".join(self._read()), eightbit_ok=eightbit_ok)
        self.size = len(data)
        self.eightbit = self.eightbit and eightbit_ok
        if self.small:
            self._data = data
        else:
            self._data = None
            self._converted = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115
            self._converted.write(data)

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
        if self._signatures:
            yield self._signatures
        if self._data is not None:
            yield self._data
        elif self._converted is not None:
            yield from _in_pieces(self._converted, 0)
        else:
            with open(self._path, "rb", buffering=0) as file:
                yield from _in_pieces(file, self._offset)


def _in_pieces(file: IO[bytes], offset: int) -> Iterator[bytes]:
    file.seek(offset)
    while piece := file.read(_PIECE):
        yield piece
