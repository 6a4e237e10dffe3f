"""Large messages on their way in: a file on the Maildir's volume that is linked into place, never copied."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from merpati.platform.errors import Unavailable
from merpati.store import durable

_WRITE_BACK = 1024 * 1024
"""How much is written before the kernel is told to begin with the disk, so that the fsync at the end is short."""


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A whole message in `spool/tmp`. `MailFiles.write` syncs and links it; its owner removes this name."""

    path: Path
    size: int
    room: int = 0
    """Octets at the start that are the file's owner's to fill (trace headers) before it is linked."""

    def fill(self, head: bytes) -> None:
        """Put the trace headers into the room left for them."""
        assert len(head) == self.room
        with open(self.path, "r+b", buffering=0) as file:
            file.write(head)

    def discard(self) -> None:
        """Remove this name, if it is still there."""
        with suppress(FileNotFoundError):
            self.path.unlink()


class SpoolWriter:
    """Writes a message to `spool/tmp` as it arrives, behind `room` octets left for trace headers."""

    def __init__(self, path: Path, room: int = 0) -> None:
        self.path = path
        self._room = room
        self._size = room
        self._behind = 0
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"spool not writable: {error.strerror}") from error

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append `data`; blocks only as long as the page cache does."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._fd, view, self._size)
                self._size += written
                view = view[written:]
            if self._size - self._behind >= _WRITE_BACK:
                durable.begin_range(self._fd, self._behind, self._size - self._behind)
                self._behind = self._size
        except OSError as error:
            raise Unavailable(f"spool not writable: {error.strerror}") from error

    def finish(self) -> SpooledFile:
        """Close the file; it is not yet synced."""
        os.close(self._fd)
        self._fd = -1
        return SpooledFile(self.path, self._size, self._room)

    def discard(self) -> None:
        """Give the message up."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with suppress(FileNotFoundError):
            self.path.unlink()
