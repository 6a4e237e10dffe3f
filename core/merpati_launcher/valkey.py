"""The embedded Valkey: doorbells over a Unix socket, nothing on disk."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from merpati_launcher.identity import Identity

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

    def make(self) -> None:
        """Make the socket's directory."""
        self.sockets.mkdir(parents=True, exist_ok=True)
        if self.identity:
            self.identity.own(self.sockets)
        self.sockets.chmod(0o770)

    def command(self) -> list[str | Path]:
        """What starts it: no port, no persistence (it may be wiped at any moment, by design)."""
        words: list[str | Path] = [self.program, "--port", "0", "--unixsocket", self.socket]
        return [*words, "--unixsocketperm", "770", "--save", "", "--appendonly", "no", "--dir", self.sockets]

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(1)
                sock.connect(str(self.socket))
                sock.sendall(b"PING\r\n")
                return sock.recv(16).startswith(b"+PONG")
        except OSError:
            return False
