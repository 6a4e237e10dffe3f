"""Clients that keep working while things break, and a count of what they were promised.

Each message has a number of its own in its Subject. A client that gets a temporary error, or loses its connection,
tries the same message again, as every mail client and server does; a permanent error is written down as wrong.
"""

from __future__ import annotations

import imaplib
import itertools
import re
import smtplib
import threading
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any

import httpx

from tests.embedded import wait_until
from tests.system.clients import imap, write
from tests.system.merpati import Merpati

Send = Callable[[str], None]


class Load:
    """Several clients of one kind; a context manager that ends them."""

    def __init__(self, name: str, send: Send, clients: int = 2) -> None:
        self.name = name
        self.acknowledged: set[str] = set()
        self.temporary = 0
        self.wrong: list[str] = []
        self._send = send
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._work, args=(client,)) for client in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _work(self, client: int) -> None:
        while not self._stop.is_set():
            subject = f"{self.name}-{client}-{next(self._numbers)}"
            while not self._attempt(subject) and not self._stop.is_set():
                self._stop.wait(0.05)

    def _attempt(self, subject: str) -> bool:
        try:
            self._send(subject)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            self._refused(_code(error), f"{subject}: {error}")
            return False
        except imaplib.IMAP4.abort:
            self.temporary += 1  # the connection broke
            return False
        except imaplib.IMAP4.error as error:
            self._refused(450 if "UNAVAILABLE" in str(error) else 550, f"{subject}: {error}")
            return False
        except Refused as error:
            self._refused(450 if error.code in (429, 503) else 550, f"{subject}: {error}")
            return False
        except (OSError, smtplib.SMTPException, httpx.TransportError, EOFError):
            self.temporary += 1
            return False
        with self._changed:
            self.acknowledged.add(subject)
            self._changed.notify_all()
        return True

    def _refused(self, code: int, text: str) -> None:
        if code >= 500:
            self.wrong.append(text)
        self.temporary += 1

    def wait_for(self, more: int, seconds: float = 60) -> None:
        """Wait until `more` further messages were acknowledged."""
        with self._changed:
            target = len(self.acknowledged) + more
            assert self._changed.wait_for(lambda: len(self.acknowledged) >= target or self.wrong, seconds), (
                f"{self.name}: only {len(self.acknowledged)} of {target} acknowledged, {self.temporary} put off"
            )
        assert self.wrong == []


def _code(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _ in error.recipients.values())
    return int(error.smtp_code)


def incoming(merpati: Merpati, recipient: str) -> Send:
    """What another company's server sends to `recipient`."""
    port = merpati.port("smtp")

    def send(subject: str) -> None:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.example.net", timeout=30) as client:
            client.send_message(write("ana@example.net", recipient, subject))

    return send


def submitted(merpati: Merpati, sender: str, recipient: str) -> Send:
    """What `sender` submits for `recipient`."""
    port, tls, password = merpati.port("submissions"), merpati.tls(), merpati.password(sender)

    def send(subject: str) -> None:
        with smtplib.SMTP_SSL("localhost", port, context=tls, timeout=30) as client:
            client.login(sender, password)
            client.send_message(write(sender, recipient, subject))

    return send


def appended(merpati: Merpati, address: str, folder: str) -> Send:
    """What a client of `address` saves in `folder`."""
    port, tls, password = merpati.port("imaps"), merpati.tls(), merpati.password(address)

    def send(subject: str) -> None:
        with imaplib.IMAP4_SSL("localhost", port, ssl_context=tls, timeout=30) as client:
            client.login(address, password)
            _ok(client.append(folder, "", "", write(address, address, subject).as_bytes()))

    return send


class Refused(Exception):
    """A web page's answer other than success."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text[:200]}")
        self.code = code


def posted(merpati: Merpati, sender: str, recipient: str) -> Send:
    """What `sender` writes in the webmail's form, logged in once; 303 is the browser's acknowledgement."""
    browser = httpx.Client(base_url=merpati.ready["web"], timeout=30)
    logged_in = False

    def send(subject: str) -> None:
        nonlocal logged_in
        if not logged_in:
            login = {"address": sender, "password": merpati.password(sender)}
            _post(browser, "/login", login)
            logged_in = True
        letter = {"to": recipient, "subject": subject, "body": "Halo.", "action": "send"}
        _post(browser, "/compose", letter)

    return send


def _post(browser: httpx.Client, place: str, values: dict[str, str]) -> None:
    """Fill a page's form in and send it, with what the form hides."""
    page = browser.get(place)
    if page.status_code != 200:
        raise Refused(page.status_code, page.text)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    answer = browser.post(place, data=hidden | values)
    if answer.status_code != 303:
        raise Refused(answer.status_code, answer.text)


def _ok(answer: tuple[str, list[Any]]) -> None:
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(str(answer))


def subjects(merpati: Merpati, address: str, folder: str = "INBOX") -> set[str]:
    """The subjects of all messages in a folder."""
    with imap(merpati, address) as client:
        _ok(client.select(folder, readonly=True))
        _, parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        texts = [part[1].decode() for part in parts if isinstance(part, tuple)]
    return {text.partition(":")[2].strip() for text in texts}


def assert_all_arrive(loads: Iterable[Load], found: Callable[[], set[str]], seconds: float = 120) -> None:
    """Everything that was acknowledged is there, and nobody was told anything wrong."""
    promised = set().union(*(load.acknowledged for load in loads))
    missing: set[str] = promised

    def complete() -> bool:
        nonlocal missing
        try:
            missing = promised - found()
        except imaplib.IMAP4.error as error:
            assert "UNAVAILABLE" in str(error)  # still recovering
            return False
        return not missing

    assert promised
    try:
        wait_until(complete, seconds, "what was acknowledged")
    except TimeoutError:
        raise AssertionError(f"{len(missing)} of {len(promised)} are lost: {sorted(missing)[:5]}") from None
    assert [text for load in loads for text in load.wrong] == []


@contextmanager
def kept_down(merpati: Merpati, name: str) -> Any:
    """Kill a process again each time the launcher brings it back: an outage of some length."""
    from merpati_launcher.record import Record, send

    stop = threading.Event()

    def keep_killing() -> None:
        while not stop.is_set():
            record = Record.read(merpati.data)
            if record is not None and name in record.children:
                send(record.children[name], 9)
            stop.wait(0.02)

    thread = threading.Thread(target=keep_killing)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
