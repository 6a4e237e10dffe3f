"""Another company's mail server: real SMTP on a loopback port, as well or badly behaved as a test wants.

with FakeMX() as mx:
    mx.behaviour.refuse_rcpt["gone@example.net"] = "550 5.1.1 no such user"
    ...
    (mail,) = mx.wait_for(1)
"""

from __future__ import annotations

import base64
import smtplib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Behaviour:
    """How the server behaves; may be changed while it runs."""

    name: str = "mx.example.net"
    greeting: str = "220 {name} ESMTP at your service"
    ehlo: str | None = None
    """A reply that refuses EHLO; HELO still works."""
    extensions: list[str] = field(
        default_factory=lambda: ["PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"]
    )
    tls: ssl.SSLContext | None = None
    """Offers STARTTLS with it."""
    implicit_tls: bool = False
    """Speaks TLS from the first octet, as on port 465."""
    broken_tls: bool = False
    """Offers STARTTLS, agrees to it, and answers the handshake with rubbish."""
    login: tuple[str, str] | None = None
    """Offers AUTH PLAIN and takes mail only after this name and password."""
    refuse_mail: str | None = None
    refuse_rcpt: dict[str, str] = field(default_factory=dict)
    """Replies by recipient address; `*` is for all."""
    refuse_data: str | None = None
    """A reply in place of 354."""
    refuse_content: str | None = None
    """A reply after the final dot."""
    greylist: bool = False
    """Refuses each (sender, recipient) with 451 the first time."""
    hang_up_at: str | None = None
    """Closes the connection without a word at: connect, ehlo, mail, rcpt, data, content."""
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds to wait before answering at those points."""
    max_messages: int | None = None
    """Says 421 and closes after so many messages on one connection."""


@dataclass(frozen=True)
class Received:
    """A message that the server took."""

    peer: str
    connection: int
    """1 for the first connection, and so on."""
    helo: str
    tls: bool
    login: str | None
    sender: str
    mail_parameters: list[str]
    recipients: list[str]
    content: bytes
    """As the client meant it: dots unstuffed, CRLF line ends as they came."""


class FakeMX:
    """The server, in threads of the test process. `stop` and `start` again: it was down."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, behaviour: Behaviour | None = None) -> None:
        self.host = host
        self.behaviour = behaviour or Behaviour()
        self.received: list[Received] = []
        self.refused: list[str] = []
        """Every reply of 400 and above that was given."""
        self.commands: list[str] = []
        self.connections = 0
        self.most_at_once = 0
        self.greylisted: set[tuple[str, str]] = set()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._server: _Server | None = None
        self.port = port
        if port == 0:  # hold a free one for the life of the object, also while the server is down
            self.start()
            self.stop()

    # Life

    def start(self) -> FakeMX:
        self._server = _Server((self.host, self.port), _Session, self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse new connections and break those that are open."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def __enter__(self) -> FakeMX:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # What the test asks

    def wait_for(self, count: int = 1, timeout: float = 30.0) -> list[Received]:
        """The messages taken so far, as soon as there are `count`."""
        self.wait_until(lambda: len(self.received) >= count, timeout)
        return list(self.received)

    def wait_until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Return when `condition` (of this object's fields) holds; AssertionError when it does not in time."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout), (
                f"{self.behaviour.name}: not in {timeout} s; took {len(self.received)}, said {self.refused[-3:]}"
            )

    def send(self, host: str, port: int, sender: str, recipients: list[str], content: bytes) -> None:
        """Send a message of ours into another server, as any server would."""
        with smtplib.SMTP(host, port, local_hostname=self.behaviour.name, timeout=30) as client:
            client.sendmail(sender, recipients, content)

    # What its sessions tell

    def note(self, change: Callable[[], object]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def opened(self, connection: socket.socket) -> int:
        with self._changed:
            self._open.add(connection)
            self.connections += 1
            self.most_at_once = max(self.most_at_once, len(self._open))
            self._changed.notify_all()
            return self.connections

    def closed(self, connection: socket.socket) -> None:
        self.note(lambda: self._open.discard(connection))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, address: tuple[str, int], handler: type[_Session], mx: FakeMX) -> None:
        self.mx = mx
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        return  # a client that goes away is no error here


class _HangUp(Exception):
    pass


class _Session(socketserver.BaseRequestHandler):
    """One connection."""

    server: _Server

    def handle(self) -> None:
        self.mx = self.server.mx
        self.how = self.mx.behaviour
        self.sock: socket.socket = self.request
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.mx.opened(self.request)
        self.tls = False
        self.login: str | None = None
        self.helo = ""
        self.taken = 0
        try:
            self._converse()
        except (_HangUp, OSError):
            return
        finally:
            self.mx.closed(self.request)
            self.sock.close()

    def _converse(self) -> None:
        if self.how.implicit_tls:
            self._start_tls()
        self._point("connect")
        self.input = self.sock.makefile("rb")
        self._reset()
        self._say(self.how.greeting.format(name=self.how.name))
        while line := self.input.readline(65_536):
            command = line.decode("utf-8", "replace").rstrip("\r\n")
            self.mx.note(lambda command=command: self.mx.commands.append(command))  # type: ignore[misc]
            verb = command[:4].upper()
            action = getattr(self, f"_on_{verb.lower()}", None) if verb.isalpha() else None
            if action is None:
                self._say("502 5.5.1 unknown command")
            elif action(command):
                return

    def _reset(self) -> None:
        self.sender: str | None = None
        self.parameters: list[str] = []
        self.recipients: list[str] = []

    def _point(self, name: str) -> None:
        time.sleep(self.how.delays.get(name, 0))
        if self.how.hang_up_at == name:
            raise _HangUp

    def _say(self, *lines: str) -> None:
        if int(lines[-1][:3]) >= 400:
            self.mx.note(lambda: self.mx.refused.append(lines[-1]))
        self.sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    # Commands; a true result ends the session

    def _on_ehlo(self, command: str) -> None:
        self._point("ehlo")
        if self.how.ehlo:
            return self._say(self.how.ehlo)
        self.helo = command[5:]
        offers = [self.how.name, *self.how.extensions]
        if not self.tls and (self.how.tls or self.how.broken_tls):
            offers.append("STARTTLS")
        if self.how.login:
            offers.append("AUTH LOGIN PLAIN")
        return self._say(*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}")

    def _on_helo(self, command: str) -> None:
        self.helo = command[5:]
        self._say(f"250 {self.how.name}")

    def _on_star(self, command: str) -> None:
        if self.how.broken_tls:
            # In one segment, so that the client always reads both at once.
            self.sock.sendall(b"220 2.0.0 go on\r\nrubbish instead of a handshake\r\n")
            raise _HangUp
        if self.how.tls is None or self.tls:
            return self._say("502 5.5.1 no TLS")
        self._say("220 2.0.0 go on")
        self._start_tls()
        self.input = self.sock.makefile("rb")
        return self._reset()

    def _start_tls(self) -> None:
        assert self.how.tls is not None
        self.sock = self.how.tls.wrap_socket(self.sock, server_side=True)
        self.tls = True

    def _on_auth(self, command: str) -> None:
        _, mechanism, *initial = command.split(" ")
        if mechanism.upper() != "PLAIN" or not initial or self.how.login is None:
            return self._say("504 5.5.4 not that way")
        _, name, password = base64.b64decode(initial[0]).decode().split("\0")
        if (name, password) != self.how.login:
            return self._say("535 5.7.8 wrong name or password")
        self.login = name
        return self._say("235 2.7.0 welcome")

    def _on_mail(self, command: str) -> None:
        self._point("mail")
        if self.how.login and self.login is None:
            return self._say("530 5.7.0 log in first")
        if self.how.refuse_mail:
            return self._say(self.how.refuse_mail)
        address, *parameters = command[10:].split(" ")
        self._reset()
        self.sender, self.parameters = address.strip("<>"), parameters
        return self._say("250 2.1.0 fine")

    def _on_rcpt(self, command: str) -> None:
        self._point("rcpt")
        address = command[8:].split(" ")[0].strip("<>")
        refusal = self.how.refuse_rcpt.get(address) or self.how.refuse_rcpt.get("*")
        if self.sender is None:
            return self._say("503 5.5.1 MAIL first")
        if refusal:
            return self._say(refusal)
        pair = (self.sender, address)
        if self.how.greylist and pair not in self.mx.greylisted:
            self.mx.note(lambda: self.mx.greylisted.add(pair))
            return self._say("451 4.7.1 greylisted, try again later")
        self.recipients.append(address)
        return self._say("250 2.1.5 fine")

    def _on_data(self, command: str) -> bool:
        self._point("data")
        if not self.recipients:
            self._say("554 5.5.1 no valid recipients")
            return False
        if self.how.refuse_data:
            self._say(self.how.refuse_data)
            return False
        self._say("354 go on")
        content = self._content()
        self._point("content")
        if self.how.refuse_content:
            self._say(self.how.refuse_content)
            self._reset()
            return False
        assert self.sender is not None
        message = Received(
            peer=self.client_address[0],
            connection=self.number,
            helo=self.helo,
            tls=self.tls,
            login=self.login,
            sender=self.sender,
            mail_parameters=self.parameters,
            recipients=self.recipients,
            content=content,
        )
        # Noted before it is acknowledged: whatever the client believes was delivered, is in `received`.
        self.mx.note(lambda: self.mx.received.append(message))
        self._say(f"250 2.0.0 taken as {len(self.mx.received)}")
        self._reset()
        self.taken += 1
        if self.how.max_messages is not None and self.taken >= self.how.max_messages:
            self._say("421 4.7.0 enough for one connection")
            return True
        return False

    def _content(self) -> bytes:
        lines = []
        while (line := self.input.readline()) != b".\r\n":
            if not line:
                raise _HangUp
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _on_rset(self, command: str) -> None:
        self._reset()
        self._say("250 2.0.0 fine")

    def _on_noop(self, command: str) -> None:
        self._say("250 2.0.0 fine")

    def _on_quit(self, command: str) -> bool:
        self._say("221 2.0.0 bye")
        return True
