"""Mail clients that others wrote, each driven the way its users drive it."""

from __future__ import annotations

import email
import email.message
import email.policy
import imaplib
import poplib
import smtplib
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from tests.system.merpati import Merpati

DEADLINE = 20.0
"""Ten times what anybody should wait for mail, and more; a guard against hangs."""


def _run(*words: object, seconds: float = 60, **options: object) -> str:
    result = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in words], capture_output=True, text=True, timeout=seconds, check=False, **options
    )
    assert result.returncode == 0, f"{words[0]} ({result.returncode}):\n{result.stdout}\n{result.stderr}"
    return str(result.stdout)


def swaks(
    merpati: Merpati, sender: str, recipient: str, subject: str, body: str = "Halo.\n", *, tls: bool = True
) -> str:
    """Send by authenticated submission with swaks: STARTTLS on 587, or TLS from the first byte on 465."""
    name, how = ("submission", "--tls") if tls else ("submissions", "--tls-on-connect")
    return _run(
        "swaks", "--server", f"127.0.0.1:{merpati.port(name)}", how, "--tls-verify", "--tls-ca-path", merpati.ca,
        "--auth", "PLAIN", "--auth-user", sender, "--auth-password", merpati.password(sender),
        "--from", sender, "--to", recipient, "--header", f"Subject: {subject}", "--body", body,
    )  # fmt: skip


def mbsync(merpati: Merpati, address: str, home: Path) -> list[EmailMessage]:
    """Synchronise everything into a Maildir with mbsync; hands back the inbox."""
    home.mkdir(exist_ok=True)
    (home / "mbsyncrc").write_text(
        f"IMAPAccount merpati\nHost localhost\nPort {merpati.port('imaps')}\nUser {address}\n"
        f"Pass {merpati.password(address)}\nSSLType IMAPS\nCertificateFile {merpati.ca}\n\n"
        f"IMAPStore far\nAccount merpati\n\n"
        f"MaildirStore near\nPath {home}/mail/\nInbox {home}/mail/INBOX\nSubFolders Verbatim\n\n"
        f"Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync All\nExpunge None\n"
        f"SyncState {home}/state/\n"
    )
    for folder in ("mail", "state"):
        (home / folder).mkdir(exist_ok=True)
    _run("mbsync", "-c", home / "mbsyncrc", "all")
    return [_parse(path.read_bytes()) for path in sorted((home / "mail" / "INBOX").glob("[cn][ue][rw]/*"))]


def fetchmail(merpati: Merpati, address: str, home: Path) -> list[EmailMessage]:
    """Fetch everything by POP3 with fetchmail, leaving it on the server."""
    home.mkdir(exist_ok=True)
    (home / "new").mkdir(exist_ok=True)
    deliver, settings = home / "deliver", home / "fetchmailrc"
    deliver.write_text(f"#!/bin/sh\nexec cat > $(mktemp {home}/new/XXXXXX)\n")
    deliver.chmod(0o755)
    settings.write_text(
        f"poll localhost protocol POP3 port {merpati.port('pop3s')} uidl\n"
        f"  user {address!r} password {merpati.password(address)!r} ssl sslcertck sslcertfile {merpati.ca}\n"
        f"  keep fetchall mda {str(deliver)!r}\n"
    )
    settings.chmod(0o600)
    _run("fetchmail", "-f", settings, "--nosyslog", "--idfile", home / "ids", "--pidfile", home / "pid")
    return [_parse(path.read_bytes()) for path in sorted((home / "new").iterdir())]


def curl(merpati: Merpati, address: str, place: str) -> str:
    """Fetch an IMAP URL (`INBOX;UID=1`) with curl over STARTTLS."""
    url = f"imap://localhost:{merpati.port('imap')}/{place}"
    login = f"{address}:{merpati.password(address)}"
    return _run(
        "curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", merpati.ca, "--user", login, url
    )


@contextmanager
def imap(merpati: Merpati, address: str, password: str | None = None) -> Iterator[imaplib.IMAP4]:
    """Python's imaplib over STARTTLS, logged in."""
    with imaplib.IMAP4("localhost", merpati.port("imap"), timeout=DEADLINE) as client:
        client.starttls(merpati.tls())
        client.login(address, password or merpati.password(address))
        yield client


@contextmanager
def pop(merpati: Merpati, address: str) -> Iterator[poplib.POP3]:
    """Python's poplib over STLS, logged in."""
    client = poplib.POP3("localhost", merpati.port("pop3"), timeout=DEADLINE)
    client.stls(merpati.tls())
    client.user(address)
    client.pass_(merpati.password(address))
    try:
        yield client
    finally:
        client.quit()


def submit(merpati: Merpati, message: EmailMessage, password: str | None = None) -> None:
    """Submit with Python's smtplib over TLS."""
    with smtplib.SMTP_SSL(
        "localhost", merpati.port("submissions"), context=merpati.tls(), timeout=30
    ) as client:
        client.login(message["From"], password or merpati.password(message["From"]))
        client.send_message(message)


def write(sender: str, recipient: str, subject: str, body: str = "Halo.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message.set_content(body)
    return message


def inbox(merpati: Merpati, address: str, folder: str = "INBOX") -> list[EmailMessage]:
    """Every message in a folder, by imaplib."""
    with imap(merpati, address) as client:
        client.select(folder, readonly=True)
        _, (numbers,) = client.search(None, "ALL")
        if not numbers:
            return []
        _, parts = client.fetch(numbers.replace(b" ", b",").decode(), "(BODY.PEEK[])")
        return [_parse(part[1]) for part in parts if isinstance(part, tuple)]


def wait_for_mail(
    merpati: Merpati, address: str, subject: str, folder: str = "INBOX", about: str = ""
) -> EmailMessage:
    """The message whose subject contains `subject`, and its text `about`, as soon as it is there."""
    deadline = time.monotonic() + DEADLINE
    while True:
        mail = [message for message in inbox(merpati, address, folder) if about in message.as_string()]
        found = [message for message in mail if subject in str(message["Subject"])]
        if found:
            return found[-1]
        assert time.monotonic() < deadline, (
            f"no mail {subject!r} for {address} in {folder} within {DEADLINE:g} s"
        )
        time.sleep(0.1)


class Idler:
    """A client in IDLE (RFC 2177) that tells what it hears; imaplib of Python 3.11 has none."""

    def __init__(self, client: imaplib.IMAP4, folder: str = "INBOX") -> None:
        client.select(folder)
        self._client = client
        self._tag = client._new_tag()  # type: ignore[attr-defined]
        client.send(self._tag + b" IDLE\r\n")
        assert client.readline().startswith(b"+")

    def hears(self, what: bytes, seconds: float) -> float:
        """Seconds until a line that contains `what` comes."""
        started = time.monotonic()
        self._client.sock.settimeout(seconds)
        while True:
            line = self._client.readline()
            assert line, "the server hung up"
            if what in line:
                return time.monotonic() - started

    def done(self) -> None:
        self._client.send(b"DONE\r\n")
        while not self._client.readline().startswith(self._tag):
            pass


def _parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message
