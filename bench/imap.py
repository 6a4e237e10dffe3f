"""A small, quick IMAP client: it waits for the tagged line and leaves the answer's bytes as they are."""

from __future__ import annotations

import socket
from types import TracebackType


class Imap:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tag = 0
        self._greet()

    def _greet(self) -> None:
        data = b""
        while not data.endswith(b"\r\n"):
            data += self._read()

    def _read(self) -> bytes:
        data = self._socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server hung up")
        return data

    def command(self, text: bytes) -> bytes:
        """Send a command; hands back all that came up to its tagged line."""
        self._tag += 1
        tag = b"t%d" % self._tag
        self._socket.sendall(tag + b" " + text + b"\r\n")
        return self._until(tag)

    def _until(self, tag: bytes) -> bytes:
        parts = [self._read()]
        tail = parts[0]
        while not (tail.endswith(b"\r\n") and (b"\r\n" + tail).rpartition(b"\r\n" + tag + b" ")[1]):
            parts.append(self._read())
            tail = (tail + parts[-1])[-4096:]
        answer = b"".join(parts)
        last = answer[answer.rindex(tag + b" ") :]
        if not last.startswith(tag + b" OK"):
            raise RuntimeError(last.decode(errors="replace"))
        return answer

    def login(self, address: str, password: str | None = None) -> None:
        from bench.servers import PASSWORD

        self.command(f'LOGIN {address} "{password or PASSWORD}"'.encode())

    def status(self, folder: str) -> int:
        answer = self.command(f"STATUS {folder} (MESSAGES)".encode())
        return int(answer.partition(b"MESSAGES ")[2].partition(b")")[0])

    def append(self, folder: str, content: bytes) -> None:
        self._tag += 1
        tag = b"t%d" % self._tag
        self._socket.sendall(b"%s APPEND %s {%d}\r\n" % (tag, folder.encode(), len(content)))
        while not (data := self._read()).startswith(b"+"):
            if data.startswith(tag):
                raise RuntimeError(data.decode(errors="replace"))
        self._socket.sendall(content + b"\r\n")
        self._until(tag)

    def idle(self) -> None:
        self._tag += 1
        self._socket.sendall(b"t%d IDLE\r\n" % self._tag)
        while not self._read().startswith(b"+"):
            pass

    def hear(self, what: bytes) -> None:
        """Wait until the server says `what` by itself."""
        while what not in self._read():
            pass

    def done(self) -> None:
        self._socket.sendall(b"DONE\r\n")
        self._until(b"t%d" % self._tag)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Imap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
