"""Readiness of a child in the sd_notify protocol: a datagram socket of its own for each service."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path


class NotifySocket:
    """The address to hand to one child as NOTIFY_SOCKET, and what the child said there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def is_ready(self) -> bool:
        """Whether READY=1 has come since the last look."""
        said = False
        while True:
            try:
                message = self._socket.recv(4096)
            except BlockingIOError:
                return said
            said = said or b"READY=1" in message.split(b"\n")

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
