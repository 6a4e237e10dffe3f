"""The live stream: it speaks when mail came, and ends with the session."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.office import PASSWORD, Office, Visitor

Hire = Callable[[], str]


def listen(visitor: Visitor, heard: list[str], opened: threading.Event) -> None:
    with visitor.stream("GET", "/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        for line in answer.iter_lines():
            if line.startswith("retry:"):
                opened.set()
            if line.startswith("event:"):
                heard.append(line.removeprefix("event: "))


def test_changes_are_told_until_the_session_ends(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.login(address)
    heard: list[str] = []
    opened = threading.Event()
    listener = threading.Thread(target=listen, args=(visitor, heard, opened))
    listener.start()
    assert opened.wait(20)
    with Visitor(office) as other:
        other.login(address)
        other.submit("/folders", "/folders", {"name": "New"})
        fields = {"current": PASSWORD, "new": "kata sandi baru", "again": "kata sandi baru"}
        other.submit("/settings", "/settings/password", fields)
    listener.join(20)
    assert not listener.is_alive(), "the stream ends by itself"
    assert heard[-1] == "end"


def test_strangers_hear_nothing(visitor: Visitor) -> None:
    assert visitor.get("/events").status_code == 303
