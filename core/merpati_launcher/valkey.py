"""The embedded Valkey: doorbells over a Unix socket, nothing on disk."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from merpati_launcher.identity import Identity
from merpati_launcher.process import Door

STOP_SIGNAL = signal.SIGTERM


@dataclass
class Valkey:
    """One server: its socket's directory, its program, and who runs it."""

    sockets: Path
    program: Path
    identity: Identity | None = None

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @cached_property
    def _door(self) -> Door:
        return Door(self.sockets, self.identity)

    @property
    def doors(self) -> tuple[int, ...]:
        """The descriptors to hand to the server."""
        return self._door.descriptors

    def make(self) -> None:
        """Make the socket's directory."""
        self.sockets.mkdir(parents=True, exist_ok=True)
        if self.identity:
            self.identity.own(self.sockets)
        self.sockets.chmod(0o770)

    def command(self) -> list[str | Path]:
        """What starts it: no port, no persistence (it may be wiped at any moment, by design)."""
        here = self._door.path
        words: list[str | Path] = [self.program, "--port", "0", "--unixsocket", here / self.socket.name]
        return [*words, "--unixsocketperm", "770", "--save", "", "--appendonly", "no", "--dir", here]

    def ready(self, _pid: int) -> bool:
        """Whether it answers."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(1)
                sock.connect(str(self.socket))
                sock.sendall(b"PING\r\n")
                return sock.recv(16).startswith(b"+PONG")
        except OSError:
            return False
