"""The SMTP client against transcripts, the server's octets fed whole and one by one.

security: may            never, may (default), must or done
login: name password

S: 220 mx.example.net    the server says this line
C: EHLO mail.example.com the client says this line; it has said all of the C lines before the next S line
E: ready                 an event: starttls, ready, content, done CODES, refused STAGE CODE
BEGIN sender rcpt ...    the connection opens an envelope (options: 8bit, utf8)
SENT                     the content and its final dot were sent
TLS                      the handshake was made
LOST                     the connection broke
QUIT                     the connection says goodbye
ERROR words              `ProtocolError` is raised by the S lines before
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati_smtp.outbound.client import Client
from merpati_smtp.outbound.events import (
    Done,
    Envelope,
    Event,
    Ready,
    Refused,
    Security,
    SendContent,
    StartTls,
)
from merpati_smtp.outbound.replies import ProtocolError

HERE = Path(__file__).parent
SAID = [
    line + b"\r\n"
    for line in (
        b"220 x",
        b"250 x",
        b"250-x",
        b"250-PIPELINING",
        b"250 STARTTLS",
        b"354 x",
        b"421 x",
        b"503 x",
    )
]
FILES = sorted((HERE / "client").glob("*.txt"))


class Replay:
    """One transcript against one client."""

    def __init__(self, path: Path, *, bytewise: bool) -> None:
        header, _, body = path.read_text().partition("\n\n")
        self.header = dict(line.split(": ", 1) for line in header.splitlines() if not line.startswith("#"))
        assert "rfc" in self.header, path
        self.lines = [line for line in body.splitlines() if line and not line.startswith("#")]
        self.bytewise = bytewise
        name, _, password = self.header.get("login", "").partition(" ")
        self.client = Client(
            "mail.example.com",
            Security(self.header.get("security", "may")),
            (name, password) if name else None,
        )
        self.said = b""
        self.events: list[Event] = []
        self.error: ProtocolError | None = None

    def run(self) -> None:
        pending = b""
        for line in self.lines:
            kind, _, text = line.partition(" ")
            if kind == "S:":
                pending += text.encode("utf-8") + b"\r\n"
                continue
            if pending:
                self.feed(pending)
            pending = b""
            getattr(self, "do_" + kind.rstrip(":").lower())(text)
        if pending:
            self.feed(pending)
        assert self.said == b""
        assert self.events == []
        assert self.error is None

    def feed(self, data: bytes) -> None:
        pieces: Iterator[bytes] = (bytes([octet]) for octet in data) if self.bytewise else iter([data])
        try:
            for piece in pieces:
                self.events += self.client.receive(piece)
        except ProtocolError as error:
            self.error = error

    def do_c(self, text: str) -> None:
        self.said += self.client.take()
        line, end, self.said = self.said.partition(b"\r\n")
        assert (line.decode(), end) == (text, b"\r\n")

    def do_e(self, text: str) -> None:
        assert describe(self.events.pop(0)) == text

    def do_begin(self, text: str) -> None:
        sender, *words = text.split(" ")
        options = {"8bit", "utf8"} & set(words)
        recipients = tuple(word for word in words if word not in options)
        assert self.client.can_begin
        self.client.begin(Envelope(sender.strip("<>"), recipients, 100, "8bit" in options, "utf8" in options))

    def do_sent(self, _text: str) -> None:
        self.client.content_sent()

    def do_tls(self, _text: str) -> None:
        self.client.tls_started()

    def do_lost(self, _text: str) -> None:
        self.events += self.client.lost()

    def do_quit(self, _text: str) -> None:
        self.client.quit()

    def do_error(self, text: str) -> None:
        assert self.error is not None
        assert text in str(self.error)
        self.error = None
        self.events += self.client.lost()
        # Whether TLS was begun before the error depends on how the octets were cut.
        self.events = [event for event in self.events if not isinstance(event, StartTls)]


def describe(event: Event) -> str:
    match event:
        case StartTls():
            return "starttls"
        case Ready():
            return "ready"
        case SendContent():
            return "content"
        case Refused(stage, reply):
            return f"refused {stage.value} {reply.code}"
        case Done(_, replies, answered):
            codes = " ".join(str(reply.code) if reply else "none" for reply in replies)
            return f"done {codes}" if answered else "done unanswered"


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path, bytewise: bool) -> None:
    Replay(path, bytewise=bytewise).run()


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(SAID)), max_size=40))
def test_whatever_a_server_says_every_envelope_is_done_once(said: list[bytes]) -> None:
    client = Client("mail.example.com", Security.MAY)
    begun, done = 0, 0
    events: list[Event] = []
    try:
        for piece in said:
            events += client.receive(piece)
            if client.can_begin and begun < 5:
                client.begin(Envelope("a@example.com", ("b@example.net", "c@example.net"), 1, False, False))
                begun += 1
            for event in events:
                if isinstance(event, SendContent):
                    client.content_sent()
                done += isinstance(event, Done)
            events = []
    except ProtocolError:
        pass
    events += client.lost()
    done += sum(isinstance(event, Done) for event in events)
    assert done == begun
    assert client.closed
